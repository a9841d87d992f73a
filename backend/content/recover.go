package content

import (
	"context"
	"errors"
	"fmt"
)

// Recover brings the folders in line with the rows after whatever ended the last
// run: a file in incoming is filed away if it has a row and removed if not, and
// what is in the trash is unlinked. Its work is what was in flight, not what is
// stored. It comes before the first Stage, and may itself be cut off anywhere.
func (s *Store) Recover(ctx context.Context) error {
	if s.staged.Load() {
		return errors.New("recover objects: something was staged before")
	}
	var names []string
	if err := s.disk.List(incoming, func(name string) error { names = append(names, name); return nil }); err != nil {
		return fmt.Errorf("recover objects: %w", err)
	}
	var ids []ID
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("recover objects: %w", err)
		}
		id, err := ParseID(name)
		if err != nil {
			s.remove(incoming + "/" + name) // no object's
			continue
		}
		whole, err := s.committed(ctx, id)
		if err != nil {
			return fmt.Errorf("recover object %s: %w", id, err)
		}
		if whole {
			ids = append(ids, id)
		}
	}
	for len(ids) > 0 && ctx.Err() == nil {
		n := min(fileAtOnce, len(ids))
		s.fileBatch(ids[:n])
		ids = ids[n:]
	}
	s.emptyTrash(ctx)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("recover objects: %w", err)
	}
	return nil
}

// committed deals with what needs no filing: a name in incoming without a row is
// dropped, and a marker with one removed. It says whether a committed file is left.
func (s *Store) committed(ctx context.Context, id ID) (bool, error) {
	has, err := s.hasRow(ctx, id)
	if err != nil {
		return false, err
	}
	if !has {
		s.drop(id)
		return false, nil
	}
	n, err := s.length(pathIncoming(id))
	if err != nil {
		s.log.Warn("object could not be looked at, it stays in incoming", "object", id, "err", err)
		return false, nil
	}
	if n == 0 { // never an object's length
		s.remove(pathIncoming(id))
		return false, nil
	}
	if !s.links {
		s.log.Warn("object stays in incoming: this disk has no hard links", "object", id)
	}
	return s.links, nil
}

func (s *Store) length(name string) (int64, error) {
	f, err := s.disk.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Length()
}

func (s *Store) hasRow(ctx context.Context, id ID) (bool, error) {
	var n int
	err := s.db.Read(ctx).QueryRow("SELECT count(*) FROM object WHERE id = ?", id).Scan(&n)
	return n > 0, err
}
