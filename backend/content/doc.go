// Package content keeps file content on disk: immutable, encrypted, verified
// when it is read, and durable before anybody hears of it.
//
//	s, err := content.Open(content.Config{Dir: dir, DB: db})
//	err = s.Recover(ctx)        // before the first Stage
//	go s.Run(ctx)               // the work that nobody waits for
//
//	d, err := s.Stage(ctx, body, content.Options{Size: -1}) // durable, visible to nobody
//	defer s.Discard(d)                                      // does nothing after Commit
//	wrapped, err := ring.Wrap(owner, d.ID, d.Key)
//	err = s.Commit(ctx, d, func(tx *store.Tx) error { … insert the file's row … })
//
//	r, err := s.Open(ctx, content.Ref{ID: id, Key: key, Size: size}) // ErrGone: read the row again, once
//	defer r.Close()
//	err = r.WriteRange(ctx, w, off, n)
//
//	err = db.Write(ctx, func(tx *store.Tx) error {
//		return s.Release(tx, "DELETE FROM entries WHERE id = ? RETURNING object, 1", id)
//	})
//
// # Promises
//
//   - What Commit has acknowledged survives kill -9 and power loss at any instant.
//     What it has not is wholly there or not at all.
//   - A reader gets the bytes that were written, or an error; never a wrong byte.
//   - What is on disk is ciphertext under a key made for that object alone. The key
//     is only in the file's row, wrapped for its owner (Keyring).
//   - An upload takes 1 MiB of memory, a download 1 MiB, whatever the size. No
//     goroutine outlives the call that started it.
//   - A start looks at what was in flight, not at what is stored.
//
// # On disk
//
//	<dir>/objects/incoming/<id>   written, not yet known to be committed
//	<dir>/objects/<xx>/<id>       xx = the first two of the 16 hex digits of id
//
//	object(id, root, size, leaf, sealed, refs)   one row each
//	inline(id, data)                             ciphertext, if it is one segment
//	trash(id)                                    files to unlink
//
// Content of at most 65 520 bytes is one segment and lies in inline; more is an
// object file, numbers little-endian:
//
//	0        segments, 65 536 bytes each, the last may be shorter; C bytes in all
//	C        ⌈C / 1 MiB⌉ leaf digests, SHA-256, 32 bytes each
//	         inner nodes: uvarint length ‖ dag-pb; lowest level first, root last
//	C+T      "PC2OBJ1\n"  8
//	         plain size   8    C = size + 16·max(1, ⌈size/65520⌉)
//	         T            8    bytes between ciphertext and here
//	         leaf size    4    1 048 576
//	         flags        4    1 = sealed
//	         checksum     8    the first of SHA-256 over bytes C … here
//
// A segment is AES-256-GCM over 65 520 plain bytes:
//
//	key    32 random bytes, of this object
//	nonce  0 0 0 ‖ segment number, 8 bytes big-endian ‖ 1 if it is the last, else 0
//	ad     the 16 hex digits of the id, ASCII
//
// So a segment fits one place of one object, and an object cannot be cut short.
// Plain offset p lies in segment p / 65520.
//
// A leaf is 16 segments. Over the leaves stand inner nodes of 1024 links, so that
// the root is the CID that boxo or Kubo gives for the ciphertext in the profile
// unixfs-v1-2025 (1 MiB leaves, raw, CIDv1, SHA-256). One leaf alone is the root.
// An object file describes itself: Inspect and Files list roots and sizes without
// the database; names and keys are nowhere else.
//
// # Writing
//
//	body ─▶ read, seal in place ─┬▶ hash leaf 0, 2, …; write ─┬▶ tail ─▶ fdatasync ─▶ fsync incoming ─▶ Draft
//	        8 × 128 KiB          └▶ hash leaf 1, 3, …; write ─┘                        (shared)
//
//	Commit: one transaction: object, inline, the caller's rows     (one WAL fsync, shared)
//	later:  link into xx ─▶ fsync xx ─▶ unlink from incoming        (in batches)
//
// A failed sync is never tried again: afterwards the kernel may call clean what
// never reached the disk. So it fails its upload, and a failed sync of incoming
// fails all uploads whose entry was there. Filing away works with links and not
// with renames, because the removal from one folder can reach the platter before
// the entry in the other. On a disk without hard links (exFAT) a file is made in
// xx at once, after an empty marker of its name in incoming is durable; later the
// marker is removed.
//
// A commit whose outcome is unknown leaves its file in incoming, where readers
// look too; the next start decides by the row.
//
// # Deleting
//
// Rows hold objects by count. Release and Retain change counts within the job
// that changes the rows, in any order; what has none at the job's end is dropped,
// inline content at once, files by way of trash: unlink, fsync xx, and only then
// forget. There is no mark phase and no compactor. Free pages of the database are
// given back in small steps when nothing else is to do.
//
// # Faults
//
// A full disk is store.ErrFull, a disk that fails is the fault
// storage_unavailable; ErrGone, ErrCorrupt and ErrRange are inside the faults
// that say so. The tests enumerate every step: each one fails, each one is the
// last before kill -9, and a model of a disk forgets at a power loss what was not
// synced, entries and bytes separately.
package content
