package boson

import (
	"slices"

	//lint:ignore SA1019 the box is this MAC, with a key that is used once
	"golang.org/x/crypto/poly1305"
	//lint:ignore SA1019 the box is this cipher
	xsalsa "golang.org/x/crypto/salsa20/salsa"

	"pc2/backend/boson/salsa"
)

// This is NaCl's secretbox, XSalsa20 and Poly1305, as x/crypto/nacl has it, but for
// the faster cipher. The key stream's first 32 bytes are the MAC's key.

const (
	macKey    = 32
	firstPart = 6*64 - macKey // of the text: with the MAC's key as much as the cipher makes at once
)

// stream is the key stream of one box.
type stream struct {
	key  [32]byte
	tail [8]byte                  // of the nonce
	head [macKey + firstPart]byte // the MAC's key, and the first part of the text
}

// begin makes the head for a text.
func (s *stream) begin(text []byte, nonce *Nonce, shared *[32]byte) {
	xsalsa.HSalsa20(&s.key, (*[16]byte)(nonce[:16]), shared, &xsalsa.Sigma)
	s.tail = [8]byte(nonce[16:])
	n := macKey + copy(s.head[macKey:], text)
	salsa.XOR(s.head[:n], s.head[:n], &s.key, &s.tail, 0)
}

// end writes the whole text, on the other side of the cipher, to dst.
func (s *stream) end(dst, text []byte) {
	n := copy(dst, s.head[macKey:])
	salsa.XOR(dst[n:], text[n:], &s.key, &s.tail, uint32(len(s.head)/64))
}

func (s *stream) mac() *[macKey]byte { return (*[macKey]byte)(s.head[:]) }

// sealBox appends tag and ciphertext to dst.
func sealBox(dst, plain []byte, nonce *Nonce, shared *[32]byte) []byte {
	size := BoxOverhead + len(plain)
	all := slices.Grow(dst, size)[:len(dst)+size]
	tag, text := all[len(dst):len(dst)+BoxOverhead], all[len(dst)+BoxOverhead:]
	var s stream
	s.begin(plain, nonce, shared)
	s.end(text, plain)
	poly1305.Sum((*[poly1305.TagSize]byte)(tag), text, s.mac())
	return all
}

// openBox appends the plain text to dst, once it is proved.
func openBox(dst, boxed []byte, nonce *Nonce, shared *[32]byte) ([]byte, bool) {
	if len(boxed) < BoxOverhead {
		return nil, false
	}
	tag, text := boxed[:BoxOverhead], boxed[BoxOverhead:]
	var s stream
	s.begin(text, nonce, shared)
	if !poly1305.Verify((*[poly1305.TagSize]byte)(tag), text, s.mac()) {
		return nil, false
	}
	all := slices.Grow(dst, len(text))[:len(dst)+len(text)]
	s.end(all[len(dst):], text)
	return all, true
}
