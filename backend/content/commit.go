package content

import (
	"context"
	"fmt"

	"pc2/backend/store"
)

// Commit makes a draft visible: one job of the writer inserts the object's row
// with one reference, then runs fn, which inserts the row that refers to it.
//
//   - nil: committed; the file is filed away in the background.
//   - an error: nothing is in the database, and the draft is discarded.
//   - store.IsUnknown: it may be in the database, so its file stays in incoming
//     and the next start decides by the row.
//
// Once the writer has taken the job, ctx does not matter: Commit waits for the outcome.
func (s *Store) Commit(ctx context.Context, d *Draft, fn func(tx *store.Tx) error) error {
	if !d.take() {
		return ErrUsed
	}
	defer s.recycle(d)
	var ran bool
	var own error // the job's own failure: it is undone for certain
	err := s.write(ctx, func(tx *store.Tx) error {
		ran = true
		if own = s.insert(tx, d); own == nil {
			own = fn(tx)
		}
		return own
	})
	switch {
	case err == nil:
		if d.inline == nil {
			s.queue(d.ID)
		}
		return nil
	case d.inline != nil:
		return err
	case store.IsUnknown(err):
		s.log.Error("commit outcome unknown, the object waits for the next start", "object", d.ID, "err", err)
		return err
	case ran && own == nil && !s.absent(d.ID):
		// The job ran, the transaction failed, and its row cannot be shown not to be there.
		s.log.Error("commit failed, the object waits for the next start", "object", d.ID, "err", err)
		return err
	}
	s.drop(d.ID)
	return err
}

func (s *Store) insert(tx *store.Tx, d *Draft) error {
	if _, err := tx.Exec("INSERT INTO object (id, root, size, leaf, sealed, refs) VALUES (?, ?, ?, ?, 1, 1)",
		d.ID, d.Root.Bytes(), d.Size, leafSize); err != nil {
		return fmt.Errorf("insert object %s: %w", d.ID, err)
	}
	if d.inline == nil {
		return nil
	}
	if _, err := tx.Exec("INSERT INTO inline (id, data) VALUES (?, ?)", d.ID, d.inline); err != nil {
		return fmt.Errorf("insert inline %s: %w", d.ID, err)
	}
	return nil
}

// absent reads back whether there is surely no row.
func (s *Store) absent(id ID) bool {
	has, err := s.hasRow(context.Background(), id)
	return err == nil && !has
}

// Discard drops a draft that was not committed. It may be called at any time and
// more than once: after Commit it does nothing, so that `defer s.Discard(d)` is right.
func (s *Store) Discard(d *Draft) {
	if d == nil || !d.take() {
		return
	}
	if d.inline == nil {
		s.drop(d.ID)
	}
	s.recycle(d)
}
