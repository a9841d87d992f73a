package content

import (
	"context"
	"errors"
	"io/fs"
)

// fileAtOnce bounds how many objects are linked before their folders are synced.
const fileAtOnce = 1024

// fileAway moves committed objects from incoming to where they belong.
func (s *Store) fileAway(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		ids := s.pending[:min(fileAtOnce, len(s.pending))]
		s.pending = s.pending[len(ids):]
		if len(s.pending) == 0 {
			s.pending = nil
		}
		s.mu.Unlock()
		if len(ids) == 0 {
			return
		}
		s.fileBatch(ids)
	}
}

// fileBatch links, syncs each folder it touched, and only then unlinks from
// incoming. A rename would be wrong: the next upload's sync of incoming makes its
// removal there durable while its entry in the new folder is not.
//
// What fails stays in incoming, where readers look too and where the next start
// finds it.
func (s *Store) fileBatch(ids []ID) {
	var linked []ID
	for _, id := range ids {
		if !s.links { // a marker
			s.remove(pathIncoming(id))
			continue
		}
		err := s.disk.Link(pathIncoming(id), pathFiled(id))
		if errors.Is(err, fs.ErrExist) {
			// Linked by a run that was cut off, or whose sync failed. A new entry, because
			// a sync of the old one could succeed without doing anything.
			if err = s.disk.Remove(pathFiled(id)); err == nil {
				err = s.disk.Link(pathIncoming(id), pathFiled(id))
			}
		}
		if err == nil {
			linked = append(linked, id)
		} else if !isGone(err) { // deleted meanwhile
			s.log.Warn("object could not be filed away, it stays in incoming", "object", id, "err", err)
		}
	}
	for _, id := range s.synced(linked) {
		s.remove(pathIncoming(id))
	}
}

// synced makes the entries of ids durable and returns those where that worked.
func (s *Store) synced(ids []ID) (ok []ID) {
	folders := map[string][]ID{}
	for _, id := range ids {
		folders[folder(id)] = append(folders[folder(id)], id)
	}
	for dir, ids := range folders {
		if err := s.folders[dir].join(); err != nil {
			s.log.Error("folder could not be synced", "folder", dir, "err", err)
			continue
		}
		ok = append(ok, ids...)
	}
	return ok
}
