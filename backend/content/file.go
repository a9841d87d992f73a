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
	var moved, unlinkable []ID
	for _, id := range ids {
		err := s.disk.Link(pathIncoming(id), pathFiled(id))
		switch {
		case err == nil || errors.Is(err, fs.ErrExist):
			moved = append(moved, id)
		case isGone(err): // deleted meanwhile
		default: // exFAT and others have no hard links
			unlinkable = append(unlinkable, id)
		}
	}
	for _, id := range s.synced(moved) {
		s.remove(pathIncoming(id))
	}
	if len(unlinkable) > 0 {
		s.incoming.hold(func() { s.rename(unlinkable) })
	}
}

// rename files away without hard links. The caller holds the syncs of incoming,
// so that no removal there becomes durable before the new entries are.
func (s *Store) rename(ids []ID) {
	var moved []ID
	for _, id := range ids {
		if err := s.disk.Rename(pathIncoming(id), pathFiled(id)); err == nil {
			moved = append(moved, id)
		} else if !isGone(err) {
			s.log.Warn("object could not be filed away, it stays in incoming", "object", id, "err", err)
		}
	}
	s.synced(moved)
}

// synced makes the entries of ids durable and returns those where that worked.
func (s *Store) synced(ids []ID) (ok []ID) {
	folders := map[string][]ID{}
	for _, id := range ids {
		folders[folder(id)] = append(folders[folder(id)], id)
	}
	for dir, ids := range folders {
		if err := s.disk.SyncDir(dir); err != nil {
			s.log.Error("folder could not be synced", "folder", dir, "err", err)
			continue
		}
		ok = append(ok, ids...)
	}
	return ok
}
