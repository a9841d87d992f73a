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
	var ids []ID
	var stray []string
	err := s.disk.List(incoming, func(name string) error {
		id, err := ParseID(name)
		if err != nil {
			stray = append(stray, name)
			return nil
		}
		has, err := s.hasRow(ctx, id)
		if err != nil {
			return err
		}
		if has {
			ids = append(ids, id)
		} else {
			stray = append(stray, name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("recover objects: %w", err)
	}
	for _, name := range stray {
		s.remove(incoming + "/" + name)
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

func (s *Store) hasRow(ctx context.Context, id ID) (bool, error) {
	var n int
	err := s.db.Read(ctx).QueryRow("SELECT count(*) FROM object WHERE id = ?", id).Scan(&n)
	return n > 0, err
}
