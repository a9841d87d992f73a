package salsa

import (
	"bytes"
	"crypto/rand"
	"testing"
)

func check(t *testing.T, key [32]byte, nonce [8]byte, first uint32, src []byte) {
	t.Helper()
	want, got := make([]byte, len(src)), make([]byte, len(src)+1)
	generic(want, src, &key, &nonce, first)
	XOR(got, src, &key, &nonce, first)
	if !bytes.Equal(got[:len(src)], want) || got[len(src)] != 0 {
		t.Fatalf("%d bytes from block %d differ", len(src), first)
	}
	same := bytes.Clone(src)
	XOR(same, same, &key, &nonce, first)
	if !bytes.Equal(same, want) {
		t.Fatalf("%d bytes from block %d in place differ", len(src), first)
	}
}

// Each length around the sizes of block and group, and long ones.
func TestXOR(t *testing.T) {
	var key [32]byte
	var nonce [8]byte
	rand.Read(key[:])
	rand.Read(nonce[:])
	src := make([]byte, 70_000)
	rand.Read(src)
	for n := range 1200 {
		check(t, key, nonce, uint32(n), src[:n])
	}
	for _, n := range []int{4096, 65492, 65493, 69_999, 70_000} {
		for _, first := range []uint32{0, 1, 6, 1<<32 - 2000} {
			check(t, key, nonce, first, src[:n])
		}
	}
	check(t, key, nonce, 1<<32-1, src[:64])
}

func TestTooLong(t *testing.T) {
	for _, c := range []struct {
		first uint32
		n     int
	}{{1<<32 - 1, 65}, {1<<32 - 10, 641}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d bytes from block %d passed", c.n, c.first)
				}
			}()
			XOR(make([]byte, c.n), make([]byte, c.n), new([32]byte), new([8]byte), c.first)
		}()
	}
}

func FuzzXOR(f *testing.F) {
	f.Add(make([]byte, 40), uint32(0), []byte("hello"), uint16(0))
	f.Add(bytes.Repeat([]byte{0xff}, 40), uint32(7), []byte("x"), uint16(1000))
	f.Fuzz(func(t *testing.T, secret []byte, first uint32, src []byte, more uint16) {
		if len(secret) < 40 {
			return
		}
		src = append(src, make([]byte, more)...)
		if uint64(first)+uint64(len(src)+63)/64 > 1<<32 {
			return
		}
		check(t, [32]byte(secret), [8]byte(secret[32:]), first, src)
	})
}

func BenchmarkXOR(b *testing.B) {
	b.Run("ours, 64", func(b *testing.B) {
		buf := make([]byte, 64)
		for b.Loop() {
			XOR(buf, buf, new([32]byte), new([8]byte), 0)
		}
	})
	buf := make([]byte, 65492)
	for name, f := range map[string]func(dst, src []byte, key *[32]byte, nonce *[8]byte, first uint32){"ours": XOR, "library": generic} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				f(buf, buf, new([32]byte), new([8]byte), 0)
			}
		})
	}
}
