package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/fault"
	"pc2/backend/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func set(tx *store.Tx, key string) error {
	_, err := tx.Exec("INSERT INTO settings (key, value, updated_at) VALUES (?, 'v', 0)", key)
	return err
}

func has(t *testing.T, db *store.DB, key string) bool {
	t.Helper()
	var n int
	if err := db.Read(t.Context()).QueryRow("SELECT count(*) FROM settings WHERE key = ?", key).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n == 1
}

func TestOneFailedJobDoesNotUndoTheOthers(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	// A job that blocks the writer, so that the next ones share a batch.
	hold, held := make(chan struct{}), make(chan struct{})
	go db.Write(context.Background(), func(*store.Tx) error { close(held); <-hold; return nil })
	<-held
	boom := errors.New("boom")
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i, fn := range []func(*store.Tx) error{
		func(tx *store.Tx) error { return set(tx, "a") },
		func(tx *store.Tx) error { set(tx, "b"); return boom },
		func(tx *store.Tx) error { set(tx, "c"); panic("c") },
	} {
		wg.Go(func() { errs[i] = db.Write(context.Background(), fn) })
	}
	time.Sleep(20 * time.Millisecond) // let them queue; the result does not depend on it
	close(hold)
	wg.Wait()
	if errs[0] != nil || !errors.Is(errs[1], boom) || errs[2] == nil {
		t.Fatalf("errors %v", errs)
	}
	if !has(t, db, "a") || has(t, db, "b") || has(t, db, "c") {
		t.Fatal("want only a")
	}
}

func TestAfterRunsInCommitOrderAndOnlyOnSuccess(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	var got []string
	for _, k := range []string{"1", "2", "3"} {
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			tx.After(func() { got = append(got, k) })
			if k == "2" {
				return errors.New("no")
			}
			return set(tx, k)
		})
		if (err != nil) != (k == "2") {
			t.Fatal(k, err)
		}
	}
	if len(got) != 2 || got[0] != "1" || got[1] != "3" {
		t.Fatalf("got %v", got)
	}
}

func TestLastBelongsToItsJob(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	boom := errors.New("boom")
	for key, fails := range map[string]error{"good": nil, "bad": boom} {
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			tx.Last(func(tx *store.Tx) error {
				tx.Last(func(*store.Tx) error { return fails })
				return set(tx, key+" last")
			})
			return set(tx, key)
		})
		if !errors.Is(err, fails) || has(t, db, key) != (fails == nil) || has(t, db, key+" last") != (fails == nil) {
			t.Fatal(key, err)
		}
	}
}

// A batch is followed by as large a one, or by a smaller one that does not wait for ever.
func TestAfterABatch(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	for round := range 5 {
		hold, held := make(chan struct{}), make(chan struct{})
		go db.Write(context.Background(), func(*store.Tx) error { close(held); <-hold; return nil })
		<-held
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				for j := range i % 3 { // fewer and fewer
					key := string([]byte{'a' + byte(round), 'a' + byte(i), 'a' + byte(j)})
					if err := db.Write(context.Background(), func(tx *store.Tx) error { return set(tx, key) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		close(hold)
		wg.Wait()
		alone := "alone " + string(rune('a'+round))
		if err := db.Write(t.Context(), func(tx *store.Tx) error { return set(tx, alone) }); err != nil || !has(t, db, alone) {
			t.Fatal(err)
		}
	}
}

func TestUniqueAndClosed(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	write := func() error { return db.Write(t.Context(), func(tx *store.Tx) error { return set(tx, "k") }) }
	if err := write(); err != nil {
		t.Fatal(err)
	}
	if err := write(); !store.IsUnique(err) {
		t.Fatalf("want a unique violation, got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := write(); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("want ErrClosed, got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal("second Close:", err)
	}
}

func TestManyWritersSurviveReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pc2.db")
	db := open(t, path)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				if err := db.Write(context.Background(), func(tx *store.Tx) error { return set(tx, string(rune('a'+w))+string(rune('0'+i))) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	db.Close()
	db = open(t, path)
	var n int
	if err := db.Read(t.Context()).QueryRow("SELECT count(*) FROM settings").Scan(&n); err != nil || n != 400 {
		t.Fatal(n, err)
	}
	if fi, _ := os.Stat(path); fi.Mode().Perm() != 0o600 {
		t.Fatal("mode", fi.Mode())
	}
}

// So a database that turns out to be the wrong one, or too new, is as it was.
func TestOpenChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pc2.db")
	open(t, path).Close()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	open(t, path).Close()
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("opening and closing changed the file (%v)", err)
	}
}

// A clean close leaves one file: everything is in it, and a copy of it is whole.
func TestCloseLeavesNoWAL(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []string{"first", "again"} {
		db := open(t, filepath.Join(dir, "pc2.db"))
		if err := db.Write(t.Context(), func(tx *store.Tx) error { return set(tx, key) }); err != nil {
			t.Fatal(err)
		}
		has(t, db, key)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != "pc2.db" {
				t.Errorf("%s: %s is left", key, e.Name())
			}
		}
	}
}

func TestViewIsOneSnapshot(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	count := func(q store.Queryer) (n int) {
		if err := q.QueryRow("SELECT count(*) FROM settings").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	err := db.View(t.Context(), func(q store.Queryer) error {
		before := count(q)
		if err := db.Write(t.Context(), func(tx *store.Tx) error { return set(tx, "new") }); err != nil {
			return err
		}
		if count(q) != before || count(db.Read(t.Context())) != before+1 {
			t.Error("the snapshot moved, or the pool did not")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadsEndWithTheirContext(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var n int
	if err := db.View(ctx, func(q store.Queryer) error { return q.QueryRow(endless).Scan(&n) }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a view:", err)
	}
	if err := db.Read(ctx).QueryRow(endless).Scan(&n); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a query of the pool:", err)
	}
	if _, err := db.Read(ctx).Query(endless); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("rows of the pool:", err)
	}
}

// As many views as there are connections, each with a query nobody has run before.
func TestViewsDoNotWaitForEachOther(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	var inside, done sync.WaitGroup
	inside.Add(4)
	for i := range 4 {
		done.Go(func() {
			err := db.View(t.Context(), func(q store.Queryer) error {
				inside.Done()
				inside.Wait()
				var n int
				return q.QueryRow("SELECT " + string(rune('1'+i))).Scan(&n)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	finished := make(chan struct{})
	go func() { done.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(20 * time.Second):
		t.Fatal("the views wait for each other")
	}
}

func TestReadersCannotWrite(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	if rows, err := db.Read(t.Context()).Query("DELETE FROM settings RETURNING key"); err == nil {
		rows.Next()
		if rows.Err() == nil {
			t.Fatal("a reader wrote")
		}
		rows.Close()
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pc2.db")
	open(t, path).Close()
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	if _, err := store.Open(t.Context(), store.Config{Path: path}); fault.CodeOf(err) != "schema_too_new" {
		t.Fatalf("got %v", err)
	}
}

func TestVacuumGivesPagesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pc2.db")
	db := open(t, path)
	big := string(make([]byte, 1<<20))
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO settings VALUES ('big', ?, 0)", big)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec("DELETE FROM settings"); return err }); err != nil {
		t.Fatal(err)
	}
	last := 1 << 30
	for {
		left, err := db.Vacuum(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			break
		}
		if left >= last {
			t.Fatalf("%d free pages left, before %d", left, last)
		}
		last = left
	}
	db.Close()
	if fi, _ := os.Stat(path); fi.Size() > 512<<10 {
		t.Fatalf("file is still %d bytes", fi.Size())
	}
}

// Whoever has the writer may end in the midst of its job, as a test does that fails.
func TestAJobThatEndsItsGoroutine(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "pc2.db"))
	var wg sync.WaitGroup
	wg.Go(func() { db.Write(context.Background(), func(*store.Tx) error { goruntime.Goexit(); return nil }) })
	wg.Wait()
	// What the transaction is like is unknown, but nobody waits for ever.
	if err := db.Write(t.Context(), func(tx *store.Tx) error { return set(tx, "k") }); err == nil && !has(t, db, "k") {
		t.Fatal("lost")
	}
}
