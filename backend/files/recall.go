package files

import "sync"

// recall remembers where the files that were opened last are. A player or a
// viewer asks for one file in hundreds of ranges, and finding it would cost as
// much as decrypting one. What is remembered holds until the next change of any
// row, so it is never old.
type recall struct {
	mu      sync.Mutex
	version uint64 // of the database, for all of found
	found   map[asked]chain
}

type asked struct {
	who  Actor
	path Path
	uid  string
}

const maxRecalled = 64

// get returns a chain that nobody may change, or nil.
func (r *recall) get(version uint64, q asked) chain {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.version != version {
		return nil
	}
	return r.found[q]
}

// put remembers what was read since the database had this version.
func (r *recall) put(version uint64, q asked, at chain) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if version < r.version {
		return
	}
	if version > r.version || len(r.found) >= maxRecalled {
		r.version, r.found = version, map[asked]chain{}
	}
	r.found[q] = at
}
