package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pc2/backend/store"
)

// begun is how often the WAL began anew: its header counts.
func begun(t *testing.T, path string) uint32 {
	t.Helper()
	f, err := os.Open(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [16]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(b[12:])
}

// While several write and read, checkpoints move everything out of the WAL, again and
// again. What was written is all there, while it runs and after a start.
func TestCheckpointsBesideTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pc2.db")
	db, err := store.Open(t.Context(), store.Config{Path: path, Pages: 30})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	value := strings.Repeat("v", 3000)
	write := func(who, n int) {
		key := fmt.Sprintf("%d %d", who, n)
		err := db.Write(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec("INSERT INTO settings (key, value, updated_at) VALUES (?, ?, 0)", key, value)
			return err
		})
		if err != nil || !has(t, db, key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	write(0, 0)
	first, late := begun(t, path), time.Now().Add(30*time.Second)
	counts := make([]int, 3)
	var wg sync.WaitGroup
	for who := range counts {
		wg.Go(func() {
			for counts[who] < 50 || begun(t, path) < first+3 {
				if counts[who]++; time.Now().After(late) {
					t.Error("the WAL does not begin anew")
					return
				}
				write(who+1, counts[who])
			}
		})
	}
	wg.Wait()
	if err := db.Close(); err != nil { // perhaps in the middle of a checkpoint
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("a clean end leaves a WAL: %v", err)
	}
	db = open(t, path)
	want, got := 1, 0
	for _, n := range counts {
		want += n
	}
	if err := db.Read(t.Context()).QueryRow("SELECT count(*) FROM settings WHERE value = ?", value).Scan(&got); err != nil || got != want {
		t.Errorf("%d of %d rows, %v", got, want, err)
	}
}
