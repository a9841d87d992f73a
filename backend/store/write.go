package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// maxBatch bounds how many jobs share one COMMIT, and so how long the first
// of them can wait for the last.
const maxBatch = 128

// gatherFor is how long a commit waits for those it could be shared with: not
// longer than a sync takes on a good disk.
const gatherFor = time.Millisecond

// bg is what the writer works under: a job once taken is not cancellable, and
// with a cancellable context the driver starts a goroutine for each statement.
var bg = context.Background()

type job struct {
	fn    func(*Tx) error
	frees bool // worth the spare room
	err   error
	after []func()
	done  chan struct{}
}

// Tx is a write transaction, valid inside the function that got it.
type Tx struct {
	*prepared
	last  []func(*Tx) error
	after []func()
}

// Write runs fn in the writer's transaction and waits for the outcome; see the
// package documentation for the three there are. fn may run on the goroutine of
// another Write, and must not call Write itself. ctx matters only until the job
// is in the queue.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	return db.submit(ctx, &job{fn: fn, done: make(chan struct{})})
}

func (db *DB) submit(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-db.closed:
		return ErrClosed
	default:
	}
	select {
	case db.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closed:
		return ErrClosed
	}
	for {
		select {
		case <-j.done:
			return j.err
		case w := <-db.turn: // nobody writes: do it for all who wait
			func() {
				defer func() { db.turn <- w }() // also when a job ends its goroutine
				w.round()
			}()
		case <-db.done: // closed; j may have been in the last round
			select {
			case <-j.done:
				return j.err
			default:
				return ErrClosed
			}
		}
	}
}

// writer is what only the one who writes touches.
type writer struct {
	*DB
	*prepared
	spare  spare
	beside beside
	last   int // jobs in the batch before
}

// prepared are the writer's statements: parsing one costs more than most of
// them do. Queries are constants, so the map stays small.
type prepared struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func (p *prepared) prepare(query string) (*sql.Stmt, error) {
	if s := p.stmts[query]; s != nil {
		return s, nil
	}
	s, err := p.conn.PrepareContext(bg, query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	p.stmts[query] = s
	return s, nil
}

// exec runs a statement that has no parameters.
func (p *prepared) exec(query string) error {
	s, err := p.prepare(query)
	if err == nil {
		_, err = s.ExecContext(bg)
	}
	return err
}

// close has to come before the pool's: an open statement keeps SQLite from
// closing the file, and so from removing the WAL.
func (p *prepared) close() {
	for _, s := range p.stmts {
		s.Close()
	}
}

// round runs the jobs that wait, at most maxBatch, and answers them.
func (w *writer) round() {
	batch := w.gather()
	if len(batch) == 0 {
		return
	}
	w.commit(batch)
	w.again(batch)
	for _, j := range batch {
		if j.err == nil {
			for _, f := range j.after {
				f()
			}
		}
		close(j.done)
	}
	w.spare.hold()
	w.checkpointSoon()
}

// gather takes the jobs that wait, at most maxBatch. Whoever was answered together
// mostly comes back together, the first a little earlier: with a commit of its own
// it would hold up all the others. So it waits for them, if not for long.
func (w *writer) gather() (batch []*job) {
	for len(batch) < maxBatch && len(w.jobs) > 0 { // nobody else takes any
		batch = append(batch, <-w.jobs)
	}
	if len(batch) == 0 {
		return nil
	}
	if len(batch) < w.last {
		for late := time.After(gatherFor); len(batch) < w.last; {
			select {
			case j := <-w.jobs:
				batch = append(batch, j)
			case <-late:
				w.last = 0
			}
		}
	}
	w.last = len(batch)
	return batch
}

// commit runs a batch in one transaction and sets the outcome of each job.
func (w *writer) commit(batch []*job) {
	all := func(err error) {
		for _, j := range batch {
			if j.err == nil {
				j.err = err
			}
		}
	}
	if err := w.Broken(); err != nil {
		all(err)
		return
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		if isFull(err) {
			all(ErrFull.Because(err))
			return
		}
		all(ErrReadOnly.Because(fmt.Errorf("begin: %w", err)))
		return
	}
	one := w.one
	if len(batch) == 1 {
		one = w.alone
	}
	for _, j := range batch {
		if err := one(j); err != nil {
			// Without its savepoint SQLite has undone the whole transaction by itself (it may
			// on a full disk or an I/O error). Nothing of the batch is left.
			_ = w.exec("ROLLBACK") // fails when there is nothing to roll back
			if isFull(err) {
				all(ErrFull.Because(err))
			} else {
				all(ErrReadOnly.Because(fmt.Errorf("transaction lost: %w", err)))
			}
			return
		}
	}
	err := w.exec("COMMIT")
	w.version.Add(1) // also when it failed: it may have happened
	if err == nil {
		return
	}
	// On a full disk SQLite undoes the transaction itself, or lets us do it: known
	// to be gone either way. Anything else leaves open what the disk holds.
	back := w.exec("ROLLBACK")
	if isFull(err) && (back == nil || isIdle(back)) {
		all(ErrFull.Because(err))
		return
	}
	w.mu.Lock()
	w.broken = ErrReadOnly.Because(fmt.Errorf("commit: %w", err))
	w.mu.Unlock()
	w.log.Error("commit failed, no further writes", "err", err, "rollback", back)
	all(ErrReadOnly.Because(errors.Join(ErrUnknown, err)))
}

// one runs a job inside a savepoint, so that it can be undone alone. The error
// returned means that the transaction itself is lost.
func (w *writer) one(j *job) error {
	if err := w.exec("SAVEPOINT job"); err != nil {
		return err
	}
	if w.work(j); j.err == nil {
		if j.err = w.exec("RELEASE job"); j.err == nil {
			return nil
		}
	}
	if back := w.exec("ROLLBACK TO job"); back != nil {
		return errors.Join(j.err, back)
	}
	return w.exec("RELEASE job")
}

// alone runs a job that has the transaction to itself and is undone with it. For
// a savepoint SQLite would copy each page that the job changes.
func (w *writer) alone(j *job) error {
	w.work(j)
	return j.err
}

// work calls the job's functions. What they fail with goes to j.err.
func (w *writer) work(j *job) {
	tx := &Tx{prepared: w.prepared}
	j.err = call(j.fn, tx)
	for i := 0; j.err == nil && i < len(tx.last); i++ { // one may register another
		j.err = call(tx.last[i], tx)
	}
	if isFull(j.err) {
		j.err = ErrFull.Because(j.err)
	}
	j.after = tx.after
}

// call keeps a panic inside its job: the writer serves everybody.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

// Exec runs a statement.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	s, err := tx.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(bg, args...)
}

// Query reads rows, this transaction's own changes included. Close them before fn returns.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	s, err := tx.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(bg, args...)
}

// QueryRow reads one row.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	s, err := tx.prepare(query)
	if err != nil {
		return tx.conn.QueryRowContext(bg, query, args...) // its Scan reports the error
	}
	return s.QueryRowContext(bg, args...)
}

// Last registers f to run inside the transaction once the job's function has
// returned nil; its error fails the job.
func (tx *Tx) Last(f func(*Tx) error) { tx.last = append(tx.last, f) }

// After registers f to run once this job is committed, in commit order and
// before Write returns. Everybody who writes waits for it: it must not block.
func (tx *Tx) After(f func()) { tx.after = append(tx.after, f) }

// Vacuum gives at most pages free pages back to the disk and returns how many
// are left. It holds the write lock while it runs, so pages should be about 100.
func (db *DB) Vacuum(ctx context.Context, pages int) (left int, err error) {
	err = db.Write(ctx, func(tx *Tx) error {
		// As a query, stepped to its end: the pragma frees one page a step.
		rows, err := tx.conn.QueryContext(bg, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", pages))
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		return tx.conn.QueryRowContext(bg, "PRAGMA freelist_count").Scan(&left)
	})
	return left, err
}
