package content

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// sim is a disk in memory that knows what is on the platter and what is not yet.
// At a power loss it forgets: per folder none, all, the first or any of the entry
// changes since that folder's last sync, and per file any of the writes since
// the file's last sync, which may also be torn. Entries and bytes know nothing of
// each other, and a rename is two changes in two folders.
type sim struct {
	mu      sync.Mutex // guards everything below, files' contents too
	dirs    map[string]*simDir
	newDirs []string // not synced
	noLinks bool     // like exFAT
	free    int64
}

type simDir struct {
	now, disk map[string]*simFile
	pending   []simEntry
}

// simEntry sets or removes (nil) an entry.
type simEntry struct {
	name string
	file *simFile
}

type simFile struct {
	now, disk []byte
	pending   []simWrite
}

type simWrite struct {
	b   []byte
	off int64
}

func newSim() *sim {
	return &sim{free: 1 << 50, dirs: map[string]*simDir{".": newSimDir()}}
}

func newSimDir() *simDir { return &simDir{now: map[string]*simFile{}, disk: map[string]*simFile{}} }

// split finds the folder of a name. The caller holds mu.
func (s *sim) split(name string) (*simDir, string) {
	if dir, base, ok := strings.Cut(name, "/"); ok {
		return s.dirs[dir], base
	}
	return s.dirs["."], name
}

func (d *simDir) set(name string, f *simFile) {
	if f == nil {
		delete(d.now, name)
	} else {
		d.now[name] = f
	}
	d.pending = append(d.pending, simEntry{name, f})
}

func (s *sim) Mkdir(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirs[name] != nil {
		return fs.ErrExist
	}
	s.dirs[name] = newSimDir()
	s.newDirs = append(s.newDirs, name)
	return nil
}

func (s *sim) Create(name string) (file, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, base := s.split(name)
	if d.now[base] != nil {
		return nil, fs.ErrExist
	}
	f := &simFile{}
	d.set(base, f)
	return &simHandle{s, f}, nil
}

func (s *sim) Open(name string) (source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, base := s.split(name)
	if f := d.now[base]; f != nil {
		return &simHandle{s, f}, nil
	}
	return nil, fs.ErrNotExist
}

var errNoLinks = errors.New("operation not permitted")

func (s *sim) Link(old, new string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, a := s.split(old)
	to, b := s.split(new)
	switch {
	case from.now[a] == nil:
		return fs.ErrNotExist
	case to.now[b] != nil:
		return fs.ErrExist
	case s.noLinks:
		return errNoLinks
	}
	to.set(b, from.now[a])
	return nil
}

func (s *sim) Rename(old, new string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, a := s.split(old)
	to, b := s.split(new)
	f := from.now[a]
	if f == nil {
		return fs.ErrNotExist
	}
	if to.now[b] == f {
		return nil // as POSIX wants it
	}
	to.set(b, f)
	from.set(a, nil)
	return nil
}

func (s *sim) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, base := s.split(name)
	if d.now[base] == nil {
		return fs.ErrNotExist
	}
	d.set(base, nil)
	return nil
}

func (s *sim) SyncDir(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dirs[name]
	for _, e := range d.pending {
		d.apply(e)
	}
	d.pending = nil
	if name == "." {
		s.newDirs = nil
	}
	return nil
}

func (d *simDir) apply(e simEntry) {
	if e.file == nil {
		delete(d.disk, e.name)
	} else {
		d.disk[e.name] = e.file
	}
}

// doomFolder is a sync that failed: what was added is called clean from now on
// and reaches the platter never. (Removals stay pending: an entry that comes back
// although its removal was reported costs space, not content.)
func (s *sim) doomFolder(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dirs[name]
	d.pending = slices.DeleteFunc(d.pending, func(e simEntry) bool { return e.file != nil })
}

func (s *sim) List(name string, each func(string) error) error {
	s.mu.Lock()
	var names []string
	for n := range s.dirs[name].now {
		names = append(names, n)
	}
	s.mu.Unlock()
	slices.Sort(names)
	for _, n := range names {
		if err := each(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *sim) Free() (int64, error) { return s.free, nil }

func (s *sim) Close() error { return nil }

// losePower leaves what a platter may hold, as r decides.
func (s *sim) losePower(r *rand.Rand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.newDirs {
		if r.IntN(2) == 0 {
			delete(s.dirs, name)
		}
	}
	s.newDirs = nil
	seen := map[*simFile]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.dirs)) {
		d := s.dirs[name]
		for _, e := range choose(r, d.pending) {
			d.apply(e)
		}
		d.pending = nil
		d.now = map[string]*simFile{}
		for _, n := range slices.Sorted(maps.Keys(d.disk)) {
			f := d.disk[n]
			d.now[n] = f
			if !seen[f] {
				seen[f] = true
				f.losePower(r)
			}
		}
	}
}

func (f *simFile) losePower(r *rand.Rand) {
	for _, w := range choose(r, f.pending) {
		if r.IntN(4) == 0 {
			w.b = w.b[:r.IntN(len(w.b)+1)]
		}
		f.disk = overwrite(f.disk, w)
	}
	f.pending = nil
	f.now = slices.Clone(f.disk)
}

// choose picks none, all, the first or any of what is pending, in order.
func choose[T any](r *rand.Rand, pending []T) (kept []T) {
	switch r.IntN(4) {
	case 0:
		return nil
	case 1:
		return pending
	case 2:
		return pending[:r.IntN(len(pending)+1)]
	}
	for _, p := range pending {
		if r.IntN(2) == 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

func overwrite(b []byte, w simWrite) []byte {
	if end := int(w.off) + len(w.b); end > len(b) {
		b = append(b, make([]byte, end-len(b))...)
	}
	copy(b[w.off:], w.b)
	return b
}

// simHandle is an open file; it outlives the file's entries.
type simHandle struct {
	s *sim
	f *simFile
}

func (h *simHandle) WriteAt(b []byte, off int64) (int, error) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	w := simWrite{bytes.Clone(b), off}
	h.f.now = overwrite(h.f.now, w)
	h.f.pending = append(h.f.pending, w)
	return len(b), nil
}

func (h *simHandle) ReadAt(b []byte, off int64) (int, error) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	return bytes.NewReader(h.f.now).ReadAt(b, off)
}

func (h *simHandle) Length() (int64, error) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	return int64(len(h.f.now)), nil
}

func (h *simHandle) Sync() error {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.f.disk = slices.Clone(h.f.now)
	h.f.pending = nil
	return nil
}

// doom is a sync that failed: the bytes are called clean and are lost.
func (h *simHandle) doom() {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.f.pending = nil
}

func (h *simHandle) Close() error { return nil }
