package store

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// On a full disk not even a delete fits: SQLite writes before it frees. So the
// database keeps some room, a file of bytes that mean nothing. When a job that
// frees space finds the disk full, the file is unlinked and the job runs again.
const (
	spareSize  = 4 << 20 // far above what a large delete writes to the WAL at a time
	spareEvery = 30 * time.Second
)

type spare struct {
	path   string
	wanted bool
	held   bool
	next   time.Time // when to try again to have it
}

// hold makes the file, if there is room for it.
func (s *spare) hold() {
	if !s.wanted || s.held || time.Now().Before(s.next) {
		return
	}
	s.next = time.Now().Add(spareEvery)
	if fi, err := os.Stat(s.path); err == nil && fi.Size() == spareSize {
		s.held = true
		return
	}
	if err := fill(s.path, spareSize); err != nil {
		os.Remove(s.path) // no room now; what was written of it is given back
		return
	}
	s.held = true
}

// fill writes bytes that no file system can store in less room. It takes them
// piece by piece: all at once they would stay in the idle program's memory.
func fill(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	return errors.Join(err, f.Close())
}

// release gives the room up and says whether there was any.
func (s *spare) release() bool {
	if !s.held {
		return false
	}
	s.held = false
	return os.Remove(s.path) == nil
}

// Free is Write for a job that frees space: it also works on a full disk.
func (db *DB) Free(ctx context.Context, fn func(*Tx) error) error {
	return db.submit(ctx, &job{fn: fn, frees: true, done: make(chan struct{})})
}

// again runs the jobs once more that free space and found none to do it with.
func (w *writer) again(batch []*job) {
	var full []*job
	for _, j := range batch {
		if j.frees && errors.Is(j.err, ErrFull) {
			full = append(full, j)
		}
	}
	if len(full) == 0 || !w.spare.release() {
		return
	}
	for _, j := range full {
		j.err, j.after = nil, nil
	}
	w.commit(full)
}
