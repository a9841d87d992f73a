package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"pc2/backend/fault"
	"pc2/backend/store"
)

// TestEveryPointMayFail fails each point in turn, once, and wants nothing lost,
// nothing wrong and nothing left over: at once, and after the next start.
func TestEveryPointMayFail(t *testing.T) {
	db := openTestDB(t, ramDir(t))
	for _, links := range []bool{true, false} {
		for _, kind := range []error{syscall.EIO, errShort} {
			if testing.Short() && (kind == errShort || !links) {
				continue
			}
			t.Run(fmt.Sprintf("links=%v,%v", links, kind), func(t *testing.T) {
				n := 1
				for ; failAt(t, db, links, kind, n); n++ {
				}
				if n < 60 {
					t.Errorf("only %d points", n)
				}
			})
		}
	}
}

// failAt tells a story in which the n-th point fails; false when it has fewer.
func failAt(t *testing.T, db *store.DB, links bool, kind error, n int) bool {
	left, failed := -1, ""
	platter := newSim()
	platter.noLinks = !links
	var mu sync.Mutex // two lanes write
	at := func(point string) error {
		mu.Lock()
		defer mu.Unlock()
		if left--; left != 0 {
			return nil
		}
		failed = point
		return kind
	}
	s, err := Open(Config{DB: db, disk: probe{platter, at}, write: commits(db, at)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	left = n
	m, ctx := newModel(""), t.Context()
	sizes := map[string]int64{"a": 3*segPlain + 1, "b": 100, "c": 17*segPlain + 5}
	for _, name := range []string{"a", "b", "c", "a"} {
		if err := m.write(ctx, s, name, sizes[name]); err != nil {
			t.Fatal(err)
		}
		if failed != "" && m.maybe[name] == nil && m.now[name] != (version{m.next, sizes[name]}) {
			files(t, s, len(s.pending)) // it failed, and left nothing behind
		}
		settle(s)
	}
	if err := errors.Join(m.copy(s, "a", "d"), m.remove(s, "a"), m.remove(s, "b"), m.check(s, "c", true)); err != nil {
		t.Fatal(failed, err)
	}
	settle(s)
	if err := m.write(ctx, s, "b", 2*segPlain); err != nil { // and discard it
		t.Fatal(err)
	}
	reached := left <= 0
	left = -1 // the rest goes well
	if err := m.settleOn(s); err != nil {
		t.Fatalf("%s failed: %v", failed, err)
	}
	if s, err = Open(Config{DB: db, disk: platter}); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fsck(s), m.checkAll(s)); err != nil {
		t.Fatalf("%s failed; after the next start: %v", failed, err)
	}
	for name := range m.now { // for the next story
		if err := m.remove(s, name); err != nil {
			t.Fatal(err)
		}
	}
	settle(s)
	return reached
}

// failing returns a store whose next point of that name fails.
func failing(t *testing.T, point string, with error) (*Store, *int) {
	t.Helper()
	left := 0
	var mu sync.Mutex // two lanes write
	at := func(p string) error {
		mu.Lock()
		defer mu.Unlock()
		if p == point && left > 0 {
			if left--; left == 0 {
				return with
			}
		}
		return nil
	}
	db := openTestDB(t, ramDir(t))
	s, err := Open(Config{DB: db, disk: probe{newSim(), at}, write: commits(db, at)})
	if err != nil {
		t.Fatal(err)
	}
	left = 1
	return s, &left
}

func TestFullDiskIsSaidAndLeavesNothing(t *testing.T) {
	for _, point := range []string{"create in incoming", "write", "sync file", "close", "sync folder incoming"} {
		s, _ := failing(t, point, fmt.Errorf("here: %w", syscall.ENOSPC))
		d, err := s.Stage(t.Context(), newStream(20*segPlain), Options{})
		if d != nil || fault.CodeOf(err) != "storage_full" || fault.KindOf(err) != fault.Full {
			t.Fatal(point, err)
		}
		files(t, s, 0)
		put(t, s, "a", plain(1, 3*segPlain)) // and it goes on
	}
}

// What does not fit is refused before a byte is read.
func TestUploadThatCannotFit(t *testing.T) {
	platter := newSim()
	s, err := Open(Config{DB: openTestDB(t, ramDir(t)), disk: platter})
	if err != nil {
		t.Fatal(err)
	}
	platter.free = sealedSize(10 * segPlain)
	body := newStream(11 * segPlain)
	if _, err := s.Stage(t.Context(), body, Options{Size: 11 * segPlain}); fault.CodeOf(err) != "storage_full" || body.at > 0 {
		t.Fatal(err, body.at)
	}
	if _, err := s.Stage(t.Context(), newStream(10*segPlain), Options{Size: 10 * segPlain}); err != nil {
		t.Fatal(err)
	}
	real := setup(t)
	if free, err := real.disk.Free(); err != nil || free <= 0 {
		t.Fatal(free, err)
	}
}

func TestOtherDiskErrorsAreUnavailable(t *testing.T) {
	for _, point := range []string{"create in incoming", "write", "sync file", "close", "sync folder incoming"} {
		s, _ := failing(t, point, syscall.EIO)
		_, err := s.Stage(t.Context(), newStream(20*segPlain), Options{})
		if fault.KindOf(err) != fault.Unavailable || !errors.Is(err, syscall.EIO) {
			t.Fatal(point, err)
		}
		files(t, s, 0)
	}
}

// A full database: SQLite's own page limit stands for the disk.
func TestFullDatabaseLeavesNothing(t *testing.T) {
	s := setup(t)
	limit := func(pages string) {
		err := s.db.Write(t.Context(), func(tx *store.Tx) error {
			var n int
			return tx.QueryRow("PRAGMA max_page_count=" + pages).Scan(&n)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // clamped to the present size
	for i := 0; ; i++ {
		d, err := s.Stage(t.Context(), bytes.NewReader(plain(uint64(i), 60000)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err = s.Commit(t.Context(), d, note(d.ID.String(), d)); err == nil {
			continue // there was room inside
		}
		if fault.CodeOf(err) != "storage_full" {
			t.Fatal(err)
		}
		if !s.absent(d.ID) {
			t.Fatal("the row is there")
		}
		break
	}
	limit("1000000")
	put(t, s, "after", plain(1, 60000))
}

// What the writer says about a transaction that ran but was lost is read back.
func TestUnknownOutcomeKeepsTheFile(t *testing.T) {
	for _, point := range []string{"before commit", "in commit", "after commit"} {
		s, _ := failing(t, point, syscall.EIO)
		b := plain(1, 3*segPlain)
		d, err := s.Stage(t.Context(), bytes.NewReader(b), Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Commit(t.Context(), d, note("x", d))
		if !errors.Is(err, syscall.EIO) || store.IsUnknown(err) != (point == "after commit") {
			t.Fatal(point, err)
		}
		s.Discard(d)
		if point != "after commit" {
			files(t, s, 0)
			continue
		}
		files(t, s, 1)
		if !bytes.Equal(read(t, s, d.Ref()), b) {
			t.Fatal("wrong bytes")
		}
	}
}

func TestCancelledUploadLeavesNothing(t *testing.T) {
	s := setup(t)
	for _, size := range []int64{10, 40 * segPlain} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Stage(ctx, newStream(size), Options{}); !errors.Is(err, context.Canceled) {
			t.Fatal(size, err)
		}
		d, err := s.Stage(t.Context(), newStream(size), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(ctx, d, note("x", d)); !errors.Is(err, context.Canceled) {
			t.Fatal(size, err)
		}
	}
	files(t, s, 0)
}

// bomb panics in the middle, as a handler's body may.
type bomb struct{ *stream }

func (b bomb) Read(p []byte) (int, error) {
	if b.at > 5*segPlain {
		panic("bomb")
	}
	return b.stream.Read(p)
}

func TestPanickingReaderLeavesNothing(t *testing.T) {
	s := setup(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("the panic was swallowed")
			}
		}()
		s.Stage(t.Context(), bomb{newStream(20 * segPlain)}, Options{})
	}()
	files(t, s, 0)
}
