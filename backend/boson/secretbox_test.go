package boson

import (
	"bytes"
	"crypto/rand"
	"testing"

	"golang.org/x/crypto/nacl/box"
)

// compare boxes as the library does, and opens what each of the two has sealed.
func compare(t *testing.T, shared [32]byte, nonce Nonce, plain, before []byte) {
	t.Helper()
	ours, theirs := sealBox(bytes.Clone(before), plain, &nonce, &shared), box.SealAfterPrecomputation(bytes.Clone(before), plain, (*[24]byte)(&nonce), &shared)
	if !bytes.Equal(ours, theirs) {
		t.Fatalf("the box of %d bytes differs", len(plain))
	}
	boxed := ours[len(before):]
	opened, ok := openBox(bytes.Clone(before), boxed, &nonce, &shared)
	if !ok || !bytes.Equal(opened, append(bytes.Clone(before), plain...)) {
		t.Fatalf("the box of %d bytes does not open", len(plain))
	}
	for _, at := range []int{0, len(boxed) / 2, len(boxed) - 1} {
		bad := bytes.Clone(boxed)
		bad[at] ^= 0x40
		room := make([]byte, 0, len(plain)+1)
		if _, ok := openBox(room, bad, &nonce, &shared); ok || !bytes.Equal(room[:cap(room)], make([]byte, cap(room))) {
			t.Fatalf("a box of %d bytes, changed at %d: %t, or text before its proof", len(plain), at, ok)
		}
	}
}

func TestSecretboxIsTheLibrarys(t *testing.T) {
	var shared [32]byte
	var nonce Nonce
	rand.Read(shared[:])
	rand.Read(nonce[:])
	plain := make([]byte, 70_000)
	rand.Read(plain)
	for n := range 900 {
		compare(t, shared, nonce, plain[:n], nil)
	}
	for _, n := range []int{1024, 16384, 65492, 70_000} {
		compare(t, shared, nonce, plain[:n], []byte("before"))
	}
	// Into room that is there already, nothing is allocated but the text's own place.
	room := make([]byte, 0, 2000)
	if got := sealBox(room, plain[:1000], &nonce, &shared); &got[0] != &room[:1][0] {
		t.Error("sealed elsewhere")
	}
}

func FuzzSecretbox(f *testing.F) {
	f.Add(make([]byte, 56), []byte("hello"), uint16(0))
	f.Add(bytes.Repeat([]byte{0xff}, 56), []byte{}, uint16(1000))
	f.Fuzz(func(t *testing.T, secret, plain []byte, more uint16) {
		if len(secret) < 56 {
			return
		}
		compare(t, [32]byte(secret), Nonce(secret[32:]), append(plain, make([]byte, more)...), secret[56:])
	})
}
