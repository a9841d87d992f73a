package names

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"pc2/backend/boson"
	"pc2/backend/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are for store.Config, to open the database that NewSQLite wants.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// SQLite keeps records in a database that was opened with Migrations.
type SQLite struct{ db *store.DB }

// NewSQLite returns the store on db, which stays the caller's.
func NewSQLite(db *store.DB) *SQLite { return &SQLite{db} }

var _ Store = (*SQLite)(nil)

const columns = "name, node, device, seq, claim, source, registered, seen, released"

func scan(row interface{ Scan(...any) error }) (r Record, err error) {
	var node, device []byte
	var registered, seen int64
	if err := row.Scan(&r.Name.s, &node, &device, &r.Seq, &r.Claim, &r.From, &registered, &seen, &r.Released); err != nil {
		return Record{}, err
	}
	if len(node) != len(r.Node) || len(device) != len(r.Device) {
		return Record{}, fmt.Errorf("name %s: an ID of %d and %d bytes", r.Name, len(node), len(device))
	}
	r.Node, r.Device = boson.ID(node), boson.ID(device)
	r.Registered, r.Seen = time.UnixMilli(registered), time.UnixMilli(seen)
	return r, nil
}

// Change implements Store.
func (s *SQLite) Change(ctx context.Context, name Name, node boson.ID, from string, decide func(Known) (Record, error)) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		var k Known
		cur, err := scan(tx.QueryRow("SELECT "+columns+" FROM names WHERE name = ?", name.s))
		switch {
		case err == nil:
			k.Current = &cur
		case !errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("read name: %w", err)
		}
		if err := tx.QueryRow("SELECT count(*) FROM names WHERE node = ? AND released = 0", node[:]).Scan(&k.OfNode); err != nil {
			return fmt.Errorf("count names of a node: %w", err)
		}
		if err := tx.QueryRow("SELECT count(*) FROM names WHERE source = ? AND released = 0", from).Scan(&k.OfFrom); err != nil {
			return fmt.Errorf("count names of a network: %w", err)
		}
		r, err := decide(k)
		if err != nil {
			return err
		}
		_, err = tx.Exec("INSERT OR REPLACE INTO names ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			r.Name.s, r.Node[:], r.Device[:], r.Seq, r.Claim, r.From, r.Registered.UnixMilli(), r.Seen.UnixMilli(), r.Released)
		if err != nil {
			return fmt.Errorf("keep name: %w", err)
		}
		return nil
	})
}

// Lookup implements Store.
func (s *SQLite) Lookup(ctx context.Context, name Name) (Record, error) {
	r, err := scan(s.db.Read(ctx).QueryRow("SELECT "+columns+" FROM names WHERE name = ?", name.s))
	if errors.Is(err, sql.ErrNoRows) {
		return Record{}, ErrNotFound
	}
	return r, err
}

// ByDevice implements Store.
func (s *SQLite) ByDevice(ctx context.Context, device boson.ID) ([]Record, error) {
	return s.held(ctx, "device", device)
}

// ByNode implements Store.
func (s *SQLite) ByNode(ctx context.Context, node boson.ID) ([]Record, error) {
	return s.held(ctx, "node", node)
}

func (s *SQLite) held(ctx context.Context, column string, id boson.ID) ([]Record, error) {
	rows, err := s.db.Read(ctx).Query("SELECT "+columns+" FROM names WHERE "+column+" = ? AND released = 0", id[:])
	if err != nil {
		return nil, fmt.Errorf("names of a %s: %w", column, err)
	}
	defer rows.Close()
	var out []Record
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("names of a %s: %w", column, err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Seen implements Store.
func (s *SQLite) Seen(ctx context.Context, device boson.ID, at time.Time) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE names SET seen = ? WHERE device = ? AND released = 0 AND seen < ?", at.UnixMilli(), device[:], at.UnixMilli())
		return err
	})
}

// Count implements Store.
func (s *SQLite) Count(ctx context.Context) (n int, err error) {
	err = s.db.Read(ctx).QueryRow("SELECT count(*) FROM names WHERE released = 0").Scan(&n)
	return n, err
}
