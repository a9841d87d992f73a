package files

import "slices"

// folders remembers the folders that files were written to last: the next file
// there needs no walk from the home down. It is the
// writer's, used inside transactions and their After hooks alone, of which there is
// one at a time, so it needs no lock.
//
// A chain in it is what the transactions so far have made of it. Whatever can change a
// folder's row, or move, remove or make one, forgets all of it first: every change
// but Write (Tree.write, Tree.free, EnsureHome), and a folder that Write makes.
type folders struct {
	forgets uint64 // what was read before the last one is not put in
	found   map[asked]chain
	taken   bool // the last name that was looked for was there: then the next may be too
}

func (f *folders) forget() {
	f.forgets++
	clear(f.found)
}

// resolve is resolve for a file that is to be written. A guess does not look whether a
// folder that is remembered has the name: a new file's has not, and insert will tell.
func (c *change) resolve(a Actor, s Selector, guess bool) (place, error) {
	dir, name, ok := s.split()
	if !ok {
		return resolve(c.tx, a, s)
	}
	f, q := &c.t.folders, asked{a, dir.path, dir.uid}
	if at := slices.Clone(f.found[q]); at != nil { // a clone: the job may fail that changes it
		c.remember(q, at)
		if guess && !f.taken && CheckName(name) == nil {
			return place{found: at, rest: []string{name}, name: name}, nil
		}
		p, err := place{found: at}.inside(c.tx, name)
		f.taken = err == nil && p.exists()
		return p, err
	}
	p, err := resolve(c.tx, a, s)
	if err != nil {
		return p, err
	}
	at := p.found
	if p.exists() {
		at = at.folder()
	}
	if len(p.rest) <= 1 && len(at) > 0 && at.last().isDir {
		c.remember(q, at)
	}
	return p, nil
}

// remember puts a folder in once the change is committed, as it is then.
func (c *change) remember(q asked, at chain) {
	f := &c.t.folders
	began := f.forgets
	c.tx.After(func() {
		if f.forgets != began {
			return
		}
		if len(f.found) >= maxRecalled {
			clear(f.found)
		}
		f.found[q] = at
	})
}
