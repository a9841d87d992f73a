package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"pc2/backend/store"
)

// goleakMain is what TestMain does when it is not a child (crash_test.go).
func goleakMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sizes lie around every border of the format, as plain bytes.
var sizes = []int64{0, 1, 1000, segPlain - 1, segPlain, segPlain + 1, 2 * segPlain, 2*segPlain + 1,
	16*segPlain - 1, 16 * segPlain, 16*segPlain + 1, 17*segPlain + 5, 33*segPlain + 7, 64*segPlain + 9}

// plain gives size bytes that depend on the position and on the seed.
func plain(seed uint64, size int64) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), 1})
	r.Read(b)
	return b
}

// setup returns a store in a temporary folder, with a table that refers to objects.
func setup(t testing.TB) *Store {
	t.Helper()
	dir := t.TempDir()
	return setupIn(t, dir, Config{})
}

func setupIn(t testing.TB, dir string, cfg Config) *Store {
	t.Helper()
	db := openTestDB(t, dir)
	cfg.Dir, cfg.DB, cfg.Log = dir, db, slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func note(name string, d *Draft) func(tx *store.Tx) error {
	return func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO note (name, object, key, size) VALUES (?, ?, ?, ?)", name, d.ID, d.Key[:], d.Size)
		return err
	}
}

func put(t testing.TB, s *Store, name string, b []byte) *Draft {
	t.Helper()
	d, err := s.Stage(t.Context(), bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), d, note(name, d)); err != nil {
		t.Fatal(err)
	}
	return d
}

// stored is the ciphertext of inline content, nil of other.
func stored(t testing.TB, s *Store, id ID) (data []byte) {
	t.Helper()
	err := s.db.Read(t.Context()).QueryRow("SELECT data FROM inline WHERE id = ?", id).Scan(&data)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return data
}

func forget(s *Store, name string) error {
	return s.db.Write(context.Background(), func(tx *store.Tx) error {
		return s.Release(tx, "DELETE FROM note WHERE name = ? RETURNING object, 1", name)
	})
}

func read(t testing.TB, s *Store, ref Ref) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	if err := r.WriteRange(t.Context(), &b, 0, r.Size()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func settle(s *Store) {
	s.fileAway(context.Background())
	s.emptyTrash(context.Background())
}

func exists(t testing.TB, s *Store, name string) bool {
	t.Helper()
	f, err := s.disk.Open(name)
	if err == nil {
		f.Close()
	} else if !isGone(err) {
		t.Fatal(err)
	}
	return err == nil
}

func count1(t testing.TB, s *Store, query string, args ...any) (n int) {
	t.Helper()
	if err := s.db.Read(t.Context()).QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatGoesInComesOut(t *testing.T) {
	s := setup(t)
	for i, size := range sizes {
		b := plain(uint64(i), size)
		d, err := s.Stage(t.Context(), bytes.NewReader(b), Options{Digest: true})
		if err != nil {
			t.Fatal(size, err)
		}
		if sum := sha256.Sum256(b); !bytes.Equal(d.SHA256, sum[:]) || d.Size != size {
			t.Fatalf("size %d: draft has %d, %x", size, d.Size, d.SHA256)
		}
		if err := s.Commit(t.Context(), d, note(d.ID.String(), d)); err != nil {
			t.Fatal(size, err)
		}
		if !bytes.Equal(read(t, s, d.Ref()), b) {
			t.Fatal(size, "wrong bytes before filing away")
		}
		settle(s)
		if exists(t, s, pathIncoming(d.ID)) || exists(t, s, pathFiled(d.ID)) != (size > segPlain) {
			t.Fatal(size, "file is not where it belongs")
		}
		if !bytes.Equal(read(t, s, d.Ref()), b) {
			t.Fatal(size, "wrong bytes after filing away")
		}
		if err := forget(s, d.ID.String()); err != nil {
			t.Fatal(err)
		}
		if n := count1(t, s, "SELECT count(*) FROM trash"); (n == 1) != (size > segPlain) {
			t.Fatal(size, n, "in the trash: only files go there")
		}
		settle(s)
		if exists(t, s, pathFiled(d.ID)) {
			t.Fatal(size, "file stays after the delete")
		}
		if _, err := s.Open(t.Context(), d.Ref()); !errors.Is(err, ErrGone) {
			t.Fatal(size, err)
		}
	}
	if n := count1(t, s, "SELECT (SELECT count(*) FROM object) + (SELECT count(*) FROM inline) + (SELECT count(*) FROM trash)"); n != 0 {
		t.Fatal(n, "rows left")
	}
}

// The rows of inline content go to the end of their tables, also after a restart.
func TestInlineIDsAscend(t *testing.T) {
	s := setup(t)
	first := put(t, s, "a", nil)
	put(t, s, "b", plain(1, segPlain+1))
	second := put(t, s, "c", plain(2, segPlain))
	if second.ID != first.ID+1 {
		t.Fatal(second.ID, "after", first.ID)
	}
	again, err := Open(Config{DB: s.db, disk: newSim()})
	if err != nil {
		t.Fatal(err)
	}
	if third := put(t, again, "d", nil); third.ID != second.ID+1 {
		t.Fatal(third.ID, "after", second.ID)
	}
}

// cut says, after some bytes, what net/http says when a body is cut off.
type cut struct{ r io.Reader }

func (c cut) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestNothingStaysOfABodyThatWasCutOff(t *testing.T) {
	s := setup(t)
	for _, size := range sizes {
		d, err := s.Stage(t.Context(), cut{bytes.NewReader(plain(1, size))}, Options{})
		if !errors.Is(err, io.ErrUnexpectedEOF) || d != nil {
			t.Fatal(size, d, err)
		}
	}
	files(t, s, 0)
}

// files checks how many files there are in incoming.
func files(t testing.TB, s *Store, want int) {
	t.Helper()
	var names []string
	if err := s.disk.List(incoming, func(n string) error { names = append(names, n); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(names) != want {
		t.Fatalf("incoming has %v, want %d files", names, want)
	}
}

func TestDiscardAndFailedCommitLeaveNothing(t *testing.T) {
	s := setup(t)
	boom := errors.New("boom")
	for _, size := range []int64{10, segPlain + 10} {
		d, err := s.Stage(t.Context(), bytes.NewReader(plain(1, size)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Discard(d)
		s.Discard(d)
		if err := s.Commit(t.Context(), d, note("x", d)); !errors.Is(err, ErrUsed) {
			t.Fatal(err)
		}
		if d, err = s.Stage(t.Context(), bytes.NewReader(plain(1, size)), Options{}); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(t.Context(), d, func(*store.Tx) error { return boom }); !errors.Is(err, boom) {
			t.Fatal(err)
		}
		files(t, s, 0)
		if n := count1(t, s, "SELECT count(*) FROM object"); n != 0 {
			t.Fatal(n)
		}
		d = put(t, s, "kept", plain(1, size))
		s.Discard(d) // as a deferred call would
		if !bytes.Equal(read(t, s, d.Ref()), plain(1, size)) {
			t.Fatal("Discard after Commit did something")
		}
		if err := forget(s, "kept"); err != nil {
			t.Fatal(err)
		}
		settle(s)
	}
}

func TestRecoverDecidesByRow(t *testing.T) {
	dir := t.TempDir()
	s := setupIn(t, dir, Config{})
	kept, b := put(t, s, "kept", plain(1, 3*segPlain)), plain(1, 3*segPlain)
	if _, err := s.Stage(t.Context(), bytes.NewReader(b), Options{}); err != nil {
		t.Fatal(err)
	}
	dead := put(t, s, "dead", b)
	if err := forget(s, "dead"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "objects", incoming, ".DS_Store"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files(t, s, 4)
	if err := s.Recover(t.Context()); err == nil {
		t.Fatal("Recover after Stage must be refused")
	}
	s.db.Close()
	s = setupIn(t, dir, Config{})
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	files(t, s, 0)
	if !exists(t, s, pathFiled(kept.ID)) || exists(t, s, pathFiled(dead.ID)) || count1(t, s, "SELECT count(*) FROM trash") != 0 {
		t.Fatal("not what the rows say")
	}
	if !bytes.Equal(read(t, s, kept.Ref()), b) {
		t.Fatal("wrong bytes")
	}
}

// ramDir is a temporary folder in memory where there is one: SIGKILL leaves the
// page cache alone, so syncing to a disk would only cost time.
func ramDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "pc2-content")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stream yields n bytes, the same at each place, as fast as a socket could.
type stream struct {
	b     []byte
	at, n int64
}

func newStream(n int64) *stream { return &stream{b: plain(9, 1<<20-1), n: n} }

func (s *stream) Read(p []byte) (int, error) {
	if s.n == s.at {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), s.n-s.at)], s.b[s.at%int64(len(s.b)):])
	s.at += int64(n)
	return n, nil
}
