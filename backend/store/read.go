package store

import (
	"context"
	"database/sql"
	"errors"
)

// Queryer reads: a write transaction (*Tx), a snapshot (View) or the pool (DB.Read).
type Queryer interface {
	Query(query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) *sql.Row
}

var _ Queryer = (*Tx)(nil)

// Read returns a Queryer on the read pool, for short queries. Each call sees what
// is committed at that moment. It does not begin when ctx has ended; begun, it
// runs to its end: to be able to interrupt it, database/sql and the driver start
// a goroutine each, which takes longer than a short query does. View is for others.
func (db *DB) Read(ctx context.Context) Queryer { return pooled{db, ctx} }

type pooled struct {
	db  *DB
	ctx context.Context
}

// begin is the context for a query that begins now.
func (p pooled) begin() context.Context {
	if p.ctx.Err() != nil {
		return p.ctx
	}
	return bg
}

func (p pooled) Query(query string, args ...any) (*sql.Rows, error) {
	s, err := p.db.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(p.begin(), args...)
}

func (p pooled) QueryRow(query string, args ...any) *sql.Row {
	s, err := p.db.prepare(query)
	if err != nil {
		return p.db.read.QueryRowContext(p.begin(), query, args...) // its Scan reports the error
	}
	return s.QueryRowContext(p.begin(), args...)
}

// View runs fn on one snapshot of the database. Its queries end when ctx does.
func (db *DB) View(ctx context.Context, fn func(Queryer) error) error {
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	view := &snapshot{db: db, ctx: ctx, tx: tx}
	err = fn(view)
	if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
		err = errors.Join(err, back)
	}
	for _, query := range view.fresh {
		if _, bad := db.prepare(query); bad != nil {
			break // it has worked once; the next view tries again
		}
	}
	return err
}

// snapshot holds one connection of the pool and must not ask for another:
// enough views at once would then wait for each other for ever. So a query that
// is new runs unprepared, and is prepared once the connection is given back.
type snapshot struct {
	db    *DB
	ctx   context.Context
	tx    *sql.Tx
	fresh []string
}

func (s *snapshot) stmt(query string) *sql.Stmt {
	if st, ok := s.db.stmts.Load(query); ok {
		return s.tx.StmtContext(s.ctx, st.(*sql.Stmt))
	}
	s.fresh = append(s.fresh, query)
	return nil
}

func (s *snapshot) Query(query string, args ...any) (*sql.Rows, error) {
	if st := s.stmt(query); st != nil {
		return st.QueryContext(s.ctx, args...)
	}
	return s.tx.QueryContext(s.ctx, query, args...)
}

func (s *snapshot) QueryRow(query string, args ...any) *sql.Row {
	if st := s.stmt(query); st != nil {
		return st.QueryRowContext(s.ctx, args...)
	}
	return s.tx.QueryRowContext(s.ctx, query, args...)
}

// prepare keeps one statement a query; database/sql prepares it on each
// connection that runs it. Queries are constants, so the map stays small.
func (db *DB) prepare(query string) (*sql.Stmt, error) {
	if s, ok := db.stmts.Load(query); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := db.read.PrepareContext(bg, query)
	if err != nil {
		return nil, err
	}
	if have, ok := db.stmts.LoadOrStore(query, s); ok {
		s.Close()
		return have.(*sql.Stmt), nil
	}
	return s, nil
}
