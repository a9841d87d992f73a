package content

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"pc2/backend/store"
)

// TestTorture starts and lists a store of 200 000 objects. The files are sparse
// and not synced: their number is what is tried.
func TestTorture(t *testing.T) {
	if os.Getenv("PC2_TORTURE") == "" {
		t.Skip("set PC2_TORTURE=1: makes 200 000 files, 1 GB of them")
	}
	const count, size = 200_000, 20 * segPlain
	dir := t.TempDir()
	s := setupIn(t, dir, Config{})
	begin := time.Now()
	tail := tailOf(t, size)
	root, err := Inspect(hollow{sealedSize(size), tail}, sealedSize(size)+int64(len(tail)))
	if err != nil {
		t.Fatal(err)
	}
	for made := 0; made < count; {
		err := s.db.Write(t.Context(), func(tx *store.Tx) error {
			for range 1000 {
				id := newID()
				f, err := os.OpenFile(filepath.Join(dir, "objects", pathFiled(id)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
				if err != nil {
					return err
				}
				if _, err := f.WriteAt(tail, sealedSize(size)); err != nil {
					return err
				}
				if err := f.Close(); err != nil {
					return err
				}
				if _, err := tx.Exec("INSERT INTO object VALUES (?, ?, ?, ?, 1, 1)", id, root.Root.Bytes(), int64(size), leafSize); err != nil {
					return err
				}
				made++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("made %d in %s", count, time.Since(begin))
	s.Close()
	s.db.Close()

	var ops atomic.Int64
	d, err := openDisk(filepath.Join(dir, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	db := openTestDB(t, dir)
	s, err = Open(Config{DB: db, disk: probe{d, func(string) error { ops.Add(1); return nil }}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("open and recover: %s, %d operations", time.Since(begin), ops.Load())
	if ops.Load() > 300 {
		t.Error("the start looks at what is stored")
	}
	begin = time.Now()
	first := put(t, s, "first", plain(1, 3*segPlain))
	t.Logf("first upload: %s", time.Since(begin))
	settle(s)

	begin = time.Now()
	n := 0
	for f, err := range s.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.ID != first.ID && f.Info != root {
			t.Fatal(f)
		}
		n++
	}
	if n != count+1 {
		t.Fatal(n, "files listed")
	}
	t.Logf("listed and inspected %d files: %s", n, time.Since(begin))
	begin = time.Now()
	if n := count1(t, s, "SELECT count(*) FROM (SELECT id, size, root FROM object ORDER BY id)"); n != count+1 {
		t.Fatal(n)
	}
	t.Logf("listed rows: %s", time.Since(begin))
}

func TestFilesGoesOnAfterDamage(t *testing.T) {
	dir := t.TempDir()
	s := setupIn(t, dir, Config{})
	good := put(t, s, "good", plain(1, 3*segPlain))
	bad := put(t, s, "bad", plain(1, 3*segPlain))
	settle(s)
	if err := os.Truncate(filepath.Join(dir, "objects", pathFiled(bad.ID)), 100000); err != nil {
		t.Fatal(err)
	}
	for _, stray := range []string{"ab/notes.txt", "ab/0123456789abcdef"} {
		if err := os.WriteFile(filepath.Join(dir, "objects", stray), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var ok []ID
	var failed []string
	for f, err := range s.Files(t.Context()) {
		if err != nil {
			failed = append(failed, err.Error())
		} else if ok = append(ok, f.ID); !f.Info.Root.Equals(good.Root) || f.Info.Size != good.Size {
			t.Error(f)
		}
	}
	if len(ok) != 1 || ok[0] != good.ID || len(failed) != 3 {
		t.Fatal(ok, fmt.Sprintf("%q", failed))
	}
	for range s.Files(t.Context()) {
		break // must not go on
	}
}
