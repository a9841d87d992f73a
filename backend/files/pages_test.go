package files_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// What a small file costs is mostly the pages that it changes: each is logged, synced
// and later written once more. 2 hold the end of 10 KiB, 10 are of tables and indexes.
func TestPagesOfASmallFile(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(w.dir), "pc2.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	checkpoint := func(mode string) (logged int) {
		t.Helper()
		for busy := true; busy; { // while the store makes one
			var done int
			if err := db.QueryRow("PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &logged, &done); err != nil {
				t.Fatal(err)
			}
		}
		return logged
	}
	body := strings.Repeat("x", 10<<10)
	write := func(from, to int) {
		for i := from; i < to; i++ {
			w.put(a, fmt.Sprintf("Documents/%08d", i), body)
		}
	}
	write(0, 300) // tables of more than one page
	checkpoint("TRUNCATE")
	reader, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	var n int // for whom the WAL is kept
	if err := reader.QueryRow("SELECT count(*) FROM entries").Scan(&n); err != nil {
		t.Fatal(err)
	}
	before := checkpoint("PASSIVE")
	write(300, 400)
	got := float64(checkpoint("PASSIVE")-before) / 100
	t.Logf("%.2f pages a file", got)
	if got < 5 || got > 13.5 {
		t.Error("it was 12.3")
	}
}
