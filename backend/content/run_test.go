package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pc2/backend/store"
)

// running starts Run and stops it when the test ends.
func running(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// eventually waits for work in the background.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("never: ", what)
}

func TestRunFilesAwayAndUnlinks(t *testing.T) {
	s := setup(t)
	running(t, s)
	b := plain(1, 3*segPlain)
	d := put(t, s, "a", b)
	eventually(t, "filed away", func() bool { return !exists(t, s, pathIncoming(d.ID)) })
	if !bytes.Equal(read(t, s, d.Ref()), b) {
		t.Fatal("wrong bytes")
	}
	r, err := s.Open(t.Context(), d.Ref())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := forget(s, "a"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "unlinked", func() bool { return !exists(t, s, pathFiled(d.ID)) })
	eventually(t, "trash cleared", func() bool { return count1(t, s, "SELECT count(*) FROM trash") == 0 })
	var got bytes.Buffer // a reader that was there before goes on reading
	if err := r.WriteRange(t.Context(), &got, 0, r.Size()); err != nil || !bytes.Equal(got.Bytes(), b) {
		t.Fatal("the open reader lost its file", err)
	}
}

func TestRunGivesFreePagesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := setupIn(t, dir, Config{})
		for i := range 60 {
			put(t, s, fmt.Sprint(i), plain(uint64(i), segPlain))
		}
		for i := range 60 {
			if err := forget(s, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		before := count1(t, s, "PRAGMA freelist_count")
		if before < 3*spare {
			t.Fatalf("only %d free pages", before)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n := count1(t, s, "PRAGMA freelist_count"); n != spare {
			t.Fatalf("%d free pages, before %d", n, before)
		}
		s.Close()
		s.db.Close() // inside the bubble, as everything that waits
	})
}

// What the disk refuses to unlink stays in the trash and is tried again.
func TestTrashIsTriedAgain(t *testing.T) {
	s, left := failing(t, "remove from xx", syscall.EBUSY)
	d := put(t, s, "a", plain(1, 3*segPlain))
	settle(s)
	if err := forget(s, "a"); err != nil {
		t.Fatal(err)
	}
	settle(s)
	if *left != 0 || !exists(t, s, pathFiled(d.ID)) || count1(t, s, "SELECT count(*) FROM trash") != 1 {
		t.Fatal("want it in the trash and on the disk")
	}
	settle(s)
	if exists(t, s, pathFiled(d.ID)) || count1(t, s, "SELECT count(*) FROM trash") != 0 {
		t.Fatal("want it gone")
	}
}

// A trash row whose file is gone already is cleared.
func TestTrashWithoutFile(t *testing.T) {
	s := setup(t)
	err := s.db.Write(t.Context(), func(tx *store.Tx) error {
		for _, id := range []ID{1, 1 << 63, 1<<64 - 1} {
			if _, err := tx.Exec("INSERT INTO trash (id) VALUES (?)", id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	settle(s)
	if n := count1(t, s, "SELECT count(*) FROM trash"); n != 0 {
		t.Fatal(n)
	}
}

// A removal whose sync failed is synced by the next start, before the marker goes.
func TestDroppedWithoutSync(t *testing.T) {
	platter := newSim()
	platter.noLinks = true
	fail := false
	at := func(point string) error {
		if fail && point == "sync folder xx" {
			return syscall.EIO
		}
		return nil
	}
	db := openTestDB(t, ramDir(t))
	s, err := Open(Config{DB: db, disk: probe{platter, at}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Stage(t.Context(), newStream(3*segPlain), Options{})
	if err != nil {
		t.Fatal(err)
	}
	fail = true
	s.Discard(d)
	files(t, s, 1) // the marker
	if s, err = Open(Config{DB: db, disk: platter}); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	files(t, s, 0)
	if f := platter.dirs[folder(d.ID)]; len(f.disk) > 0 || len(f.pending) > 0 {
		t.Fatal("a power loss now would bring it back")
	}
}

// Many do everything at once, with the background work running.
func TestConcurrency(t *testing.T) {
	s := setup(t)
	running(t, s)
	var wg sync.WaitGroup
	models := make([]*model, 8)
	for i := range models {
		m, r := newModel(string(rune('a'+i))), rand.New(rand.NewPCG(uint64(i), 1))
		models[i] = m
		wg.Go(func() {
			for range 60 {
				if err := m.act(context.Background(), s, r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 { // who read what others delete
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := readAny(s); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	readers.Wait()
	for _, m := range models {
		if err := m.checkAll(s); err != nil {
			t.Error(err)
		}
	}
}

// readAny reads some note; being gone is fine, being wrong is not.
func readAny(s *Store) error {
	var d Draft
	var key []byte
	err := s.db.Read(context.Background()).QueryRow("SELECT coalesce(max(object), 0), coalesce(max(key), x''), coalesce(max(size), 0) FROM (SELECT * FROM note ORDER BY random() LIMIT 1)").Scan(&d.ID, &key, &d.Size)
	if err != nil {
		return err
	}
	if copy(d.Key[:], key) == 0 {
		return nil
	}
	r, err := s.Open(context.Background(), d.Ref())
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	var got bytes.Buffer
	if err := r.WriteRange(context.Background(), &got, 0, r.Size()); err != nil {
		return err
	}
	if int64(got.Len()) != d.Size {
		return fmt.Errorf("%d bytes of %d", got.Len(), d.Size)
	}
	return nil
}

// What a stream takes does not depend on its size.
func TestMemoryOfAStream(t *testing.T) {
	platter := &forgetful{sim: newSim()}
	s, err := Open(Config{DB: openTestDB(t, ramDir(t)), disk: platter})
	if err != nil {
		t.Fatal(err)
	}
	var buffers, pieces atomic.Int64
	s.buffers.New = func() any { buffers.Add(1); return new([bufferSize]byte) }
	s.pieces.New = func() any { pieces.Add(1); return new([pieceSize]byte) }
	if _, err := s.Stage(t.Context(), newStream(500*segPlain), Options{}); err != nil {
		t.Fatal(err)
	}
	_, _, reader := staged(t, 500*segPlain)
	r := reader()
	r.s = s
	if err := r.WriteRange(t.Context(), io.Discard, 0, r.size); err != nil {
		t.Fatal(err)
	}
	if up, down := buffers.Load()*bufferSize, pieces.Load()*pieceSize; up > 1<<20 || down > 1<<20 {
		t.Fatalf("%d bytes up, %d down", up, down)
	}
}
