// Package content keeps file content on disk: immutable, encrypted, verified
// when read, and durable before anybody hears of it.
//
//	d, err := s.Stage(ctx, body, content.Options{Size: -1}) // on disk, visible to nobody
//	defer s.Discard(d)                                      // does nothing after Commit
//	wrapped, err := ring.Wrap(owner, d.ID, d.Key)
//	err = s.Commit(ctx, d, func(tx *store.Tx) error { … insert the file's row … })
//
//	r, err := s.Open(ctx, content.Ref{ID: id, Key: key, Size: size})
//	defer r.Close()
//	err = r.WriteRange(ctx, w, off, n)
package content
