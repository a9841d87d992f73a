package content

import (
	"context"
	"time"

	"pc2/backend/store"
)

const (
	linger     = 200 * time.Millisecond // after a wake-up, so that more comes together
	idle       = 2 * time.Second        // without work, before space is given back
	retry      = time.Minute            // for what could not be filed or unlinked
	vacuumStep = 100                    // pages; holds the write lock
	vacuumRest = 50 * time.Millisecond  // between steps, for those who wait for the lock
	spare      = 256                    // free pages that may stay: they are used again anyway
	trashBatch = 256
)

// Run does the work that nobody waits for: it files committed objects away,
// unlinks released ones, and gives free pages of the database back. It returns
// nil when ctx ends, after finishing the step at hand; the next start goes on.
func (s *Store) Run(ctx context.Context) error {
	for {
		s.fileAway(ctx)
		s.emptyTrash(ctx)
		if !s.rest(ctx) {
			return nil
		}
	}
}

// rest waits until there is work, vacuuming meanwhile. It is false when ctx has ended.
func (s *Store) rest(ctx context.Context) bool {
	again := time.NewTimer(retry)
	defer again.Stop()
	next := time.NewTimer(idle)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
			return true
		case <-s.wake:
			select {
			case <-ctx.Done():
				return false
			case <-time.After(linger):
				return true
			}
		case <-next.C:
			if s.vacuum(ctx) {
				next.Reset(vacuumRest)
			}
		}
	}
}

// vacuum does one step, and says whether another is worth it.
func (s *Store) vacuum(ctx context.Context) bool {
	var free int
	if err := s.db.Read(ctx).QueryRow("PRAGMA freelist_count").Scan(&free); err != nil || free <= spare {
		return false // an error here shows wherever it matters
	}
	left, err := s.db.Vacuum(ctx, min(vacuumStep, free-spare))
	if err != nil {
		s.log.Warn("free pages were not given back", "err", err)
		return false
	}
	return left > spare && left < free
}

// queue remembers a committed object for filing.
func (s *Store) queue(id ID) {
	s.mu.Lock()
	s.pending = append(s.pending, id)
	s.mu.Unlock()
	s.poke()
}

// emptyTrash unlinks what has no row any more, makes that durable, and only then
// forgets it. A file that cannot be removed stays listed.
func (s *Store) emptyTrash(ctx context.Context) {
	after := ID(0)
	for first := true; ctx.Err() == nil; first = false {
		ids, err := s.trash(ctx, after, first)
		if err != nil {
			s.log.Warn("trash could not be read", "err", err)
			return
		}
		if len(ids) == 0 {
			return
		}
		after = ids[len(ids)-1]
		if err := s.unlink(ctx, ids); err != nil {
			s.log.Warn("objects could not be unlinked, they stay in the trash", "err", err)
		}
	}
}

// trash lists the next ids in the database's order, which is that of signed numbers.
func (s *Store) trash(ctx context.Context, after ID, first bool) (ids []ID, err error) {
	query, args := "SELECT id FROM trash WHERE id > ? ORDER BY id LIMIT ?", []any{after, trashBatch}
	if first {
		query, args = "SELECT id FROM trash ORDER BY id LIMIT ?", args[1:]
	}
	rows, err := s.db.Read(ctx).Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id ID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// unlink removes files, syncs their folders and clears their rows of trash.
func (s *Store) unlink(ctx context.Context, ids []ID) error {
	done := map[string][]ID{} // by folder
	for _, id := range ids {
		if ctx.Err() != nil {
			break // a big file takes a while; finish with what is done
		}
		if err := s.removeBoth(id); err != nil {
			s.log.Warn("object file could not be removed", "object", id, "err", err)
			continue
		}
		done[folder(id)] = append(done[folder(id)], id)
	}
	var clear []ID
	for dir, ids := range done {
		if err := s.folders[dir].join(); err != nil {
			s.log.Warn("folder could not be synced, its objects stay in the trash", "folder", dir, "err", err)
			continue
		}
		clear = append(clear, ids...)
	}
	if len(clear) == 0 {
		return nil
	}
	return s.write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		for _, id := range clear {
			if _, err := tx.Exec("DELETE FROM trash WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
}

// removeBoth removes an object's file wherever it is; not being there is fine.
// The copy in incoming needs no sync: without a row, recovery removes it.
func (s *Store) removeBoth(id ID) error {
	for _, name := range []string{pathIncoming(id), pathFiled(id)} {
		if err := s.disk.Remove(name); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}
