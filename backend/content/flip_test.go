package content

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"

	"pc2/backend/store"
)

// staged returns the file of one object, and a reader of whatever the file holds.
func staged(t testing.TB, size int64) (d *Draft, file []byte, reader func() *Reader) {
	t.Helper()
	platter := newSim()
	s, err := Open(Config{DB: openTestDB(t, ramDir(t)), disk: platter})
	if err != nil {
		t.Fatal(err)
	}
	if d, err = s.Stage(t.Context(), bytes.NewReader(plain(1, size)), Options{}); err != nil {
		t.Fatal(err)
	}
	f := platter.dirs[incoming].now[d.ID.String()]
	return d, f.now, func() *Reader {
		return &Reader{s: s, seal: newSealer(d.ID, d.Key), size: size, file: &simHandle{platter, f}}
	}
}

// A bit flipped anywhere in an object file is an aborted read, or damage that
// Inspect finds, and never a wrong byte.
func TestFlippedBitIsNeverAWrongByte(t *testing.T) {
	const size = segPlain + 100
	want := plain(1, size)
	d, file, reader := staged(t, size)
	r := rand.New(rand.NewPCG(1, 2))
	step := 1
	if testing.Short() {
		step = 13
	}
	for i := 0; i < len(file); i += step {
		bit := byte(1) << r.IntN(8)
		file[i] ^= bit
		sealed := int64(i) < sealedSize(size)
		_, err := Inspect(bytes.NewReader(file), int64(len(file)))
		if errors.Is(err, ErrCorrupt) == sealed {
			t.Fatalf("byte %d: Inspect says %v", i, err)
		}
		var got bytes.Buffer
		err = reader().WriteRange(t.Context(), &got, 0, size)
		if errors.Is(err, ErrCorrupt) != sealed || !bytes.HasPrefix(want, got.Bytes()) {
			t.Fatalf("byte %d: read says %v after %d bytes", i, err, got.Len())
		}
		file[i] ^= bit
	}
	if info, err := Inspect(bytes.NewReader(file), int64(len(file))); err != nil || !info.Root.Equals(d.Root) {
		t.Fatal(err)
	}
}

// Cut off, grown, of another object, with another key, or said to be of another size.
func TestObjectThatIsNotTheOneMeant(t *testing.T) {
	const size = 17*segPlain + 5 // long enough for the workers
	want := plain(1, size)
	d, file, reader := staged(t, size)
	for name, spoil := range map[string]func(r *Reader){
		"other id":           func(r *Reader) { r.seal = newSealer(d.ID+1, d.Key) },
		"other key":          func(r *Reader) { r.seal = newSealer(d.ID, Key{}) },
		"said shorter":       func(r *Reader) { r.size -= segPlain },
		"said to end before": func(r *Reader) { r.size = 16 * segPlain }, // whole segments
		"said longer":        func(r *Reader) { r.size += segPlain },
		"a byte less":        func(r *Reader) { r.size-- },
		"segments moved":     func(r *Reader) { r.file = inMemory(swap(file)) },
		"cut off":            func(r *Reader) { r.file = inMemory(file[:5*segSealed+7]) },
		"empty":              func(r *Reader) { r.file = inMemory(nil) },
	} {
		r := reader()
		spoil(r)
		for _, n := range []int64{r.size, segPlain} { // with workers and in line
			var got bytes.Buffer
			err := r.WriteRange(t.Context(), &got, r.size-n, n)
			if name == "segments moved" && n == segPlain {
				continue // not the segments that were moved
			}
			if !errors.Is(err, ErrCorrupt) || !bytes.HasPrefix(want[r.size-n:], got.Bytes()) {
				t.Errorf("%s, %d bytes: %v after %d", name, n, err, got.Len())
			}
		}
	}
}

func swap(file []byte) []byte {
	b := bytes.Clone(file)
	copy(b, file[segSealed:2*segSealed])
	copy(b[segSealed:], file[:segSealed])
	return b
}

// memory is an object file made of bytes.
type memory struct{ *bytes.Reader }

func inMemory(b []byte) source { return memory{bytes.NewReader(b)} }

func (memory) Close() error             { return nil }
func (m memory) Length() (int64, error) { return m.Size(), nil }

func TestDamagedInlineContent(t *testing.T) {
	s := setup(t)
	d := put(t, s, "a", plain(1, 100))
	data := stored(t, s, d.ID)
	for name, q := range map[string]string{
		"flipped":  "UPDATE inline SET data = zeroblob(length(data))",
		"shorter":  "UPDATE inline SET data = substr(data, 1, length(data) - 1)",
		"nothing":  "UPDATE inline SET data = x''",
		"too long": "UPDATE inline SET data = data || x'00'",
	} {
		err := s.db.Write(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.Exec("UPDATE inline SET data = ?", data); err != nil {
				return err
			}
			_, err := tx.Exec(q)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), d.Ref()); !errors.Is(err, ErrCorrupt) {
			t.Error(name, err)
		}
	}
	ref := d.Ref()
	ref.Size = -1
	if _, err := s.Open(t.Context(), ref); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

func TestRangesOutside(t *testing.T) {
	s := setup(t)
	for _, size := range []int64{0, 100, 3 * segPlain} {
		d := put(t, s, strconv.FormatInt(size, 10), plain(1, size))
		r, err := s.Open(t.Context(), d.Ref())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range [][2]int64{{-1, 1}, {0, -1}, {0, size + 1}, {size, 1}, {size + 1, 0}, {1 << 62, 1 << 62}, {size, 1<<63 - 1}} {
			if err := r.WriteRange(t.Context(), io.Discard, c[0], c[1]); !errors.Is(err, ErrRange) {
				t.Error(size, c, err)
			}
		}
		if err := r.WriteRange(t.Context(), io.Discard, size, 0); err != nil {
			t.Error(err)
		}
		if n, err := r.ReadAt(make([]byte, 10), size); n != 0 || err != io.EOF {
			t.Error(n, err)
		}
		if _, err := r.ReadAt(make([]byte, 10), -1); !errors.Is(err, ErrRange) {
			t.Error(err)
		}
		r.Close()
	}
}

// A writer that fails, and a context that ends, stop a long read at once.
func TestLongReadStops(t *testing.T) {
	const size = 64 * segPlain
	_, _, reader := staged(t, size)
	boom := errors.New("boom")
	w := &limited{after: 10, then: func() error { return boom }}
	if err := reader().WriteRange(t.Context(), w, 0, size); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w = &limited{after: 10, then: func() error { cancel(); return nil }}
	if err := reader().WriteRange(ctx, w, 0, size); !errors.Is(err, ctx.Err()) || err == nil {
		t.Fatal(err)
	}
	if w.n > 20 {
		t.Fatal(w.n, "writes after the end")
	}
}

// limited is a writer to which something happens.
type limited struct {
	n, after int
	then     func() error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.n++; l.n == l.after {
		if err := l.then(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
