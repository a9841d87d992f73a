package content

import (
	"errors"
	"fmt"

	"pc2/backend/store"
)

// errNegative is a bug of the caller: the counts would no longer match the rows.
var errNegative = errors.New("more references released than held")

// Retain adds references. The query yields rows (object, n); rows whose object
// is NULL, folders, are passed over.
func (s *Store) Retain(tx *store.Tx, query string, args ...any) error {
	counts, err := count(tx, query, args)
	if err != nil {
		return fmt.Errorf("retain: %w", err)
	}
	return adjust(tx, counts, +1)
}

// Release takes references away. The query yields rows (object, n) as for Retain
// and may be the deletion itself:
//
//	s.Release(tx, "DELETE FROM entries WHERE id = ? RETURNING object, 1", id)
//
// Objects without references are dropped when the job's function has returned:
// until then the rows that refer to them may still be there, and a Retain may
// bring them back. Their files are unlinked after the commit.
func (s *Store) Release(tx *store.Tx, query string, args ...any) error {
	counts, err := count(tx, query, args)
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	if len(counts) == 0 {
		return nil
	}
	if err := adjust(tx, counts, -1); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	tx.Last(s.reap)
	return nil
}

// count runs the query to its end, since a statement of ours inside its loop
// would see half of what it does.
func count(tx *store.Tx, query string, args []any) (map[ID]int64, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[ID]int64{}
	for rows.Next() {
		var id *ID
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		if id == nil {
			continue
		}
		if n < 0 {
			return nil, fmt.Errorf("object %s: count %d", *id, n)
		}
		counts[*id] += n
	}
	return counts, rows.Err()
}

func adjust(tx *store.Tx, counts map[ID]int64, sign int64) error {
	for id, n := range counts {
		var refs int64
		if err := tx.QueryRow("UPDATE object SET refs = refs + ? WHERE id = ? RETURNING refs", sign*n, id).Scan(&refs); err != nil {
			return fmt.Errorf("object %s: %w", id, err)
		}
		if refs < 0 {
			return fmt.Errorf("object %s: %w", id, errNegative)
		}
	}
	return nil
}

// reapQueries remove what has no references: rows at once, files by way of trash.
// The index object_dead makes them cost what they find.
var reapQueries = []string{
	"INSERT INTO trash (id) SELECT id FROM object WHERE refs <= 0 AND NOT EXISTS (SELECT 1 FROM inline WHERE inline.id = object.id)",
	"DELETE FROM inline WHERE id IN (SELECT id FROM object WHERE refs <= 0)",
	"DELETE FROM served WHERE object IN (SELECT id FROM object WHERE refs <= 0)",
	"DELETE FROM object WHERE refs <= 0",
}

func (s *Store) reap(tx *store.Tx) error {
	for _, q := range reapQueries {
		if _, err := tx.Exec(q); err != nil {
			return fmt.Errorf("drop objects: %w", err)
		}
	}
	tx.After(s.poke)
	return nil
}
