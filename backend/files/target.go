package files

import (
	"database/sql"
	"errors"
	"fmt"

	"pc2/backend/store"
)

// target is where something is going to be.
type target struct {
	at      chain    // the folder, or the innermost one that exists
	missing []string // folders to make inside it first
	name    string
	old     chain // what has this name already, to be overwritten; else nil
	dedupe  bool  // the name is taken: find a free one
}

// inside is the place of a name in a folder that exists.
func (p place) inside(q store.Queryer, name string) (place, error) {
	if err := CheckName(name); err != nil {
		return place{}, err
	}
	if p.root {
		return place{}, ErrRoot
	}
	p.name = name
	r, err := child(q, p.found.last(), name)
	if err != nil {
		return place{}, err
	}
	if r == nil {
		p.rest = []string{name}
		return p, nil
	}
	p.found = p.found.with(*r)
	return p, nil
}

// target is p as the place of something to be made.
func (p place) target(createParents bool) (target, error) {
	switch {
	case p.root:
		return target{}, ErrRoot
	case p.exists():
		name := p.name
		if name == "" {
			name = p.found.last().name
		}
		return target{at: p.found.folder(), name: name, old: p.found}, nil
	case len(p.found) == 0 && len(p.rest) == 1 && !p.gone:
		return target{}, ErrRoot
	case len(p.found) == 0:
		return target{}, ErrNoDest
	case !p.found.last().isDir:
		return target{}, ErrNotFolder
	case len(p.rest) > 1 && !createParents:
		return target{}, ErrNoDest
	}
	n := len(p.rest) - 1
	to := target{at: p.found, missing: p.rest[:n], name: p.rest[n]}
	// The same check as that of the transaction, so that no body is read in vain.
	for _, name := range p.rest {
		p.found = p.found.with(row{name: name})
	}
	return to, checkPlace(p.found)
}

// into is the place in the folder p for an entry called name, or newName if
// given. With whole, a p that does not exist is the place itself.
func (p place) into(q store.Queryer, newName, name string, createParents, whole bool) (target, error) {
	switch {
	case p.root:
		return target{}, ErrRoot
	case p.exists():
		if !p.found.last().isDir {
			return target{}, ErrNotFolder
		}
		if newName != "" {
			name = newName
		}
		p, err := p.inside(q, name)
		if err != nil {
			return target{}, err
		}
		return p.target(false)
	case whole && newName == "":
		return p.target(createParents)
	case len(p.found) > 0 && !p.found.last().isDir:
		return target{}, ErrNotFolder
	case createParents && len(p.found) > 0:
		if newName != "" {
			name = newName
		}
		p.rest = append(p.rest[:len(p.rest):len(p.rest)], name)
		return p.target(true)
	}
	return target{}, ErrNoDest
}

// clear settles what happens to an entry that has the target's name already, and
// returns it if it is replaced. It is not called for the moved entry itself.
func (c *change) clear(to *target, isDir, overwrite, dedupe bool) (*Entry, error) {
	if to.old == nil {
		return nil, nil
	}
	old := to.old.last()
	switch {
	case overwrite && (!old.isDir || old.empty):
		e := to.old.entry()
		return &e, c.remove(to.old)
	case dedupe:
		var err error
		to.name, err = c.freeName(to.at.last(), to.name, isDir)
		return nil, err
	case overwrite:
		return nil, ErrOverFolder.With("entry_name", old.name)
	}
	return nil, ErrExists.With("entry_name", old.name)
}

// freeName is name, or the first of "name (1)", "name (2)", … that nothing in the
// folder has; a number stands before a file's extension.
func (c *change) freeName(folder *row, name string, isDir bool) (string, error) {
	n := numbered(name, isDir)
	var i int64
	err := c.tx.QueryRow(`WITH RECURSIVE n (i) AS (
			SELECT 1
			UNION ALL
			SELECT i + 1 FROM n WHERE EXISTS (SELECT 1 FROM entries WHERE parent_id = ?1 AND name_key = ?2 || ' (' || i || ')' || ?3)
		) SELECT max(i) FROM n`, folder.id, nameKey(n.head), nameKey(n.tail)).Scan(&i)
	if err != nil {
		return "", fmt.Errorf("find a free name: %w", err)
	}
	return fmt.Sprintf("%s (%d)%s", n.head, i, n.tail), nil
}

// child is the entry of that name in a folder, or nil. Mostly there is none, and a
// query for all the columns would cost twice as much.
func child(q store.Queryer, folder *row, name string) (*row, error) {
	var id int64
	err := q.QueryRow("SELECT id FROM entries WHERE parent_id = ? AND name_key = ?", folder.id, nameKey(name)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	var r row
	if err == nil {
		err = r.scan(q.QueryRow("SELECT "+columns+" FROM entries e WHERE e.id = ?", id))
	}
	if errors.Is(err, sql.ErrNoRows) { // gone between the two, outside a transaction
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for a child: %w", err)
	}
	return &r, nil
}

// checkPlace says whether an entry may have the path that at gives it.
func checkPlace(at chain) error {
	if len(at)-1 > maxDepth {
		return errDeep
	}
	if len(at.path().s) > maxPath {
		return errPathLong
	}
	return nil
}
