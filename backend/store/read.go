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

// Read returns a Queryer on the read pool. Each call sees what is committed at
// that moment; a query ends when ctx does.
func (db *DB) Read(ctx context.Context) Queryer { return pooled{db, ctx} }

type pooled struct {
	db  *DB
	ctx context.Context
}

func (p pooled) Query(query string, args ...any) (*sql.Rows, error) {
	s, err := p.db.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(p.ctx, args...)
}

func (p pooled) QueryRow(query string, args ...any) *sql.Row {
	s, err := p.db.prepare(query)
	if err != nil {
		return p.db.read.QueryRowContext(p.ctx, query, args...) // its Scan reports the error
	}
	return s.QueryRowContext(p.ctx, args...)
}

// View runs fn on one snapshot of the database.
func (db *DB) View(ctx context.Context, fn func(Queryer) error) error {
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	err = fn(snapshot{db, ctx, tx})
	if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
		err = errors.Join(err, back)
	}
	return err
}

type snapshot struct {
	db  *DB
	ctx context.Context
	tx  *sql.Tx
}

func (s snapshot) Query(query string, args ...any) (*sql.Rows, error) {
	st, err := s.db.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.tx.StmtContext(s.ctx, st).QueryContext(s.ctx, args...)
}

func (s snapshot) QueryRow(query string, args ...any) *sql.Row {
	st, err := s.db.prepare(query)
	if err != nil {
		return s.tx.QueryRowContext(s.ctx, query, args...)
	}
	return s.tx.StmtContext(s.ctx, st).QueryRowContext(s.ctx, args...)
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
