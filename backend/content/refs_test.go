package content

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"pc2/backend/store"
)

func do(t *testing.T, s *Store, fn func(tx *store.Tx) error) error {
	t.Helper()
	return s.db.Write(t.Context(), fn)
}

func refs(t *testing.T, s *Store, id ID) int {
	t.Helper()
	return count1(t, s, "SELECT coalesce(max(refs), -1) FROM object WHERE id = ?", id)
}

func TestCopiesShareAnObject(t *testing.T) {
	s := setup(t)
	for _, size := range []int64{10, 2 * segPlain} {
		d := put(t, s, "a", plain(1, size))
		err := do(t, s, func(tx *store.Tx) error {
			return s.Retain(tx, "INSERT INTO note SELECT name || value, object, note.key, size FROM note, json_each('[1,2,3]') RETURNING object, 1")
		})
		if err != nil || refs(t, s, d.ID) != 4 {
			t.Fatal(err, refs(t, s, d.ID))
		}
		for left := 3; left >= 0; left-- {
			err := do(t, s, func(tx *store.Tx) error {
				return s.Release(tx, "DELETE FROM note WHERE name = (SELECT max(name) FROM note) RETURNING object, 1")
			})
			want := left
			if left == 0 {
				want = -1 // no row
			}
			if err != nil || refs(t, s, d.ID) != want {
				t.Fatal(left, err, refs(t, s, d.ID))
			}
			settle(s)
		}
	}
}

// The rows may go before or after Release, and a count may dip to nothing.
func TestOrderWithinAJobIsFree(t *testing.T) {
	s := setup(t)
	d := put(t, s, "a", plain(1, 10))
	err := do(t, s, func(tx *store.Tx) error {
		if err := s.Release(tx, "SELECT object, 1 FROM note UNION ALL SELECT NULL, 7"); err != nil {
			return err
		}
		return s.Retain(tx, "SELECT object, 1 FROM note") // a move, say
	})
	if err != nil || refs(t, s, d.ID) != 1 {
		t.Fatal(err, refs(t, s, d.ID))
	}
	err = do(t, s, func(tx *store.Tx) error {
		if err := s.Release(tx, "SELECT object, count(*) FROM note GROUP BY object"); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM note")
		return err
	})
	if err != nil || refs(t, s, d.ID) != -1 {
		t.Fatal(err)
	}
}

func TestWrongCountsFailTheJob(t *testing.T) {
	s := setup(t)
	d := put(t, s, "a", plain(1, 10))
	for name, fn := range map[string]func(tx *store.Tx) error{
		"more than held": func(tx *store.Tx) error { return s.Release(tx, "SELECT object, 2 FROM note") },
		"negative":       func(tx *store.Tx) error { return s.Release(tx, "SELECT object, -1 FROM note") },
		"unknown":        func(tx *store.Tx) error { return s.Retain(tx, "SELECT 12345, 1") },
		"row still there": func(tx *store.Tx) error {
			return s.Release(tx, "SELECT object, 1 FROM note")
		},
		"bad query": func(tx *store.Tx) error { return s.Release(tx, "SELECT object FROM note") },
	} {
		if err := do(t, s, fn); err == nil {
			t.Error(name, "is accepted")
		}
		if n := refs(t, s, d.ID); n != 1 {
			t.Fatal(name, n)
		}
	}
	if err := do(t, s, func(tx *store.Tx) error { return s.Release(tx, "SELECT object, 2 FROM note") }); !errors.Is(err, errNegative) {
		t.Error(err)
	}
	if err := do(t, s, func(tx *store.Tx) error { return s.Retain(tx, "SELECT 12345, 1") }); !errors.Is(err, sql.ErrNoRows) {
		t.Error(err)
	}
}

// Deleting costs what is deleted, not what is stored.
func TestDroppingUsesTheIndex(t *testing.T) {
	s := setup(t)
	for _, q := range reapQueries {
		rows, err := s.db.Read(t.Context()).Query("EXPLAIN QUERY PLAN " + q)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var a, b, c any
			var line string
			if err := rows.Scan(&a, &b, &c, &line); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, line)
		}
		rows.Close()
		for _, line := range plan {
			if strings.Contains(line, "SCAN") && !strings.Contains(line, "object_dead") {
				t.Errorf("%s: %s", q, plan)
			}
		}
	}
}
