// Package files is everybody's tree of files and folders: names, places, sizes
// and who may see them. What is in a file lies in package content; the tree holds a
// reference to it and the key that opens it.
//
//	t := files.New(files.Config{DB: db, Content: objects, Keyring: ring, Bus: bus})
//	err := t.EnsureHome(ctx, w)
//	me := files.Actor{Wallet: w}
//	p, err := files.ParsePath(w, "~/Documents/letter.txt")
//	e, err := t.Write(ctx, me, files.WriteRequest{To: files.At(p), Overwrite: true}, body)
//	f, err := t.Open(ctx, me, files.At(p))
//	defer f.Close()
//
// # A write
//
//	body ─▶ plan (refuse early) ─▶ content.Stage ─▶ content.Commit ──────────────▶ answer
//	                               sealed, synced    one transaction: plan again,
//	                               seen by nobody    object, row, usage, release of
//	                                                 the old object
//	                                                   └▶ after commit: Changed on the bus
//
// # Promises
//
//   - Every operation is one transaction, which resolves and checks again whatever
//     was looked at before it. It happens as a whole or not at all; when it returns
//     without error it survives power loss.
//   - A uid is random and stays with its entry through writes, renames and moves.
//   - A home of somebody else does not exist for who may not see it: the same
//     error as for a name that nobody has.
//   - Names are compared by their NFC form and keep the bytes they were given in;
//     case counts.
//   - users.used_bytes is the sum of the sizes of the user's entries, always.
//   - Changed is published after commit, in commit order, and says enough that a
//     listener needs no query.
//   - The objects that rows refer to exist, and object.refs counts those rows.
//   - A path costs one query however deep it is, a listing one however long.
//
// A folder's time of modification changes when a child comes, goes or gets
// another name, as on a disk. Writing to a child changes only the child. A move or rename
// leaves the entry's own times alone; a copy is created now and modified when its original was.
//
// Public is stored sealed like everything else; Entry.Public only says where an
// entry lies.
package files
