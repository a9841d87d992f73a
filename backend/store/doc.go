// Package store is the node's SQLite database: all metadata, and the only index
// of what exists. A row is the pin: content lives while a row refers to it.
//
//	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "pc2.db")})
//	defer db.Close()
//	err = db.Write(ctx, func(tx *store.Tx) error {
//		_, err := tx.Exec("UPDATE users SET last_login = ? WHERE id = ?", now, id)
//		tx.After(func() { event.Publish(bus, …) })
//		return err
//	})
//
// # Writing
//
// There is one writer, and whoever calls Write while nobody has it takes its turn
// with it: runs whatever waits (at most 128 jobs), each inside a savepoint of one
// BEGIN IMMEDIATE … COMMIT, and so pays one WAL sync for all of them. A job that
// fails is undone alone. A single job needs no savepoint, and no other goroutine.
// After a batch the next one waits up to a millisecond to become as large: those who
// were answered together mostly come back together.
//
//	Write ─┐
//	Write ─┼─▶ queue ─▶ turn: BEGIN · savepoint job · … · COMMIT (fsync) ─▶ After hooks ─▶ answers
//	Write ─┘
//
// A job that the writer has taken is not cancellable: Write waits for its
// outcome even when ctx ends, because the caller must know it. There are three:
//
//   - nil: committed and synced (synchronous=FULL); survives power loss.
//   - an error that is not ErrUnknown: nothing of the job is in the database.
//     A full disk is the fault storage_full (507).
//   - ErrUnknown (fault storage_unavailable, 503): COMMIT itself failed, so the
//     job may be there or not; the next start decides. The database then takes
//     no further writes.
//
// Free is Write for a job that frees space. It works on a full disk too, if
// Config.Spare had a file kept beside the database whose room it then gets.
//
// What the WAL holds is moved into the database file beside the writer, each 1600
// pages. It then begins anew, so that it stays at about 8 MiB; it grows while somebody
// reads one snapshot for long. Close waits for a checkpoint that runs.
//
// # Reading
//
// Query and QueryRow use a pool of read connections; WAL lets them read beside
// the writer. View gives several reads one snapshot. Statements are prepared
// once per connection and kept.
//
// Statements are constant strings with parameters; never build one from input.
package store
