package content

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
)

// hollow is a file whose ciphertext is all zeros, which Inspect does not read, so
// that a fuzzer's input is the tail alone.
type hollow struct {
	zeros int64
	tail  []byte
}

func (h hollow) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < h.zeros {
		z := min(int64(len(p)-n), h.zeros-off)
		clear(p[n : n+int(z)])
		n, off = n+int(z), off+z
	}
	if n < len(p) {
		m, err := bytes.NewReader(h.tail).ReadAt(p[n:], off-h.zeros)
		return n + m, err
	}
	return n, nil
}

// tailOf makes the tail of an object with made-up leaves.
func tailOf(t testing.TB, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	leaves := make([]digest, (sealedSize(size)+leafSize-1)/leafSize)
	for i := range leaves {
		leaves[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
	}
	if _, err := writeTail(&b, size, leaves); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzInspect: any tail is refused as damage, or is exactly what writeTail makes.
func FuzzInspect(f *testing.F) {
	for _, size := range []int64{0, 1, segPlain, 16 * segPlain, 17 * segPlain, 40 * segPlain, 1 << 30} {
		f.Add(sealedSize(size), tailOf(f, size))
	}
	f.Add(int64(0), []byte(magic))
	f.Add(int64(1<<60), make([]byte, 100))
	f.Fuzz(func(t *testing.T, zeros int64, tail []byte) {
		if zeros < 0 || zeros > 1<<40 || len(tail) > 1<<20 {
			return
		}
		info, err := Inspect(hollow{zeros, tail}, zeros+int64(len(tail)))
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		// Accepted, so its leaves give it back, unless the ciphertext reaches into the input.
		cut := sealedSize(info.Size) - zeros
		if cut < 0 || cut > int64(len(tail)) {
			return
		}
		rest := tail[cut:]
		leaves := make([]digest, (sealedSize(info.Size)+leafSize-1)/leafSize)
		for i := range leaves {
			copy(leaves[i][:], rest[32*i:])
		}
		var again bytes.Buffer
		root, err := writeTail(&again, info.Size, leaves)
		if err != nil || !bytes.Equal(again.Bytes(), rest) || !root.Equals(info.Root) {
			t.Fatal("accepted what writeTail does not make", err)
		}
	})
}

// FuzzRange compares ranges with the plain bytes.
func FuzzRange(f *testing.F) {
	kinds := []int64{0, 1, segPlain, segPlain + 1, 3*segPlain + 7, 17*segPlain + 3}
	s := setup(f)
	var refs []Ref
	var plains [][]byte
	for i, size := range kinds {
		plains = append(plains, plain(uint64(i), size))
		refs = append(refs, put(f, s, string(rune('a'+i)), plains[i]).Ref())
		for _, off := range []int64{0, 1, segPlain - 1, segPlain, size - 1} {
			for _, n := range []int64{0, 1, segPlain, 4*segPlain + 1, size - off} {
				f.Add(uint8(i), off, n)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, off, n int64) {
		i := int(kind) % len(kinds)
		r, err := s.Open(t.Context(), refs[i])
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		inside := off >= 0 && n >= 0 && off <= kinds[i] && n <= kinds[i]-off
		var got bytes.Buffer
		err = r.WriteRange(t.Context(), &got, off, n)
		if !inside {
			if !errors.Is(err, ErrRange) || got.Len() > 0 {
				t.Fatal(off, n, err)
			}
			return
		}
		if err != nil || !bytes.Equal(got.Bytes(), plains[i][off:off+n]) {
			t.Fatal(off, n, err)
		}
		b := make([]byte, n+3)
		m, err := r.ReadAt(b, off)
		want := plains[i][off:min(off+n+3, kinds[i])]
		if !bytes.Equal(b[:m], want) || (m < len(b)) != (err == io.EOF) || err != nil && err != io.EOF {
			t.Fatal(off, n, m, err)
		}
	})
}

func FuzzParseID(f *testing.F) {
	f.Add("0123456789abcdef")
	f.Add("0123456789ABCDEF")
	f.Add("probe")
	f.Fuzz(func(t *testing.T, name string) {
		if id, err := ParseID(name); err == nil && id.String() != name {
			t.Fatal(name, id)
		}
	})
}
