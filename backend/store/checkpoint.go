package store

import "modernc.org/sqlite"

// A checkpoint moves what the WAL holds into the database file, which takes as long
// as a dozen commits. So it happens beside the writer, on a connection of its own,
// and SQLite's own, after a commit and inside it, is for when that cannot keep up.
const (
	checkpointAt = 1600 // pages written to the WAL, about 6 MiB
	checkpointBy = 4000 // SQLite's own
)

// beside is the writer's account of checkpoints.
type beside struct {
	every   int // pages
	written int // since the last one
	running bool
}

// checkpointSoon begins a checkpoint when enough was written.
func (w *writer) checkpointSoon() {
	err := w.DB.conn.Raw(func(c any) error {
		pages, _, err := c.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, true)
		w.beside.written += pages
		return err
	})
	if err != nil {
		w.log.Warn("pages not counted, a commit will wait for the checkpoint", "err", err)
		return
	}
	if w.beside.written < w.beside.every || w.beside.running {
		return
	}
	w.beside.written, w.beside.running = 0, true
	w.tasks.Go(w.DB.checkpoint)
}

// checkpoint has to catch up with the writer, for the WAL to begin anew instead
// of growing: the second pass finds what came during the first, and the little that
// came during that one is moved while nobody writes.
func (db *DB) checkpoint() {
	db.pass()
	db.pass()
	select {
	case w := <-db.turn:
		db.pass()
		w.beside.running = false
		db.turn <- w
	case <-db.closed: // closing the last connection is a checkpoint too
	}
}

// pass moves what no reader needs to find in the WAL, and waits for nobody.
func (db *DB) pass() {
	if _, err := db.aside.ExecContext(bg, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		db.log.Warn("checkpoint failed, the next one tries again", "err", err)
	}
}
