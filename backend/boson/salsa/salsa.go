package salsa

import (
	"encoding/binary"

	//lint:ignore SA1019 the one that is not deprecated cannot begin at a block
	"golang.org/x/crypto/salsa20/salsa"
)

// XOR writes src with the key stream to dst, beginning with the block first. dst
// is as long as src or longer; both are the same or do not overlap. The stream must
// end before block 2³².
func XOR(dst, src []byte, key *[32]byte, nonce *[8]byte, first uint32) {
	if uint64(first)+uint64(len(src)+63)/64 > 1<<32 {
		panic("salsa: the stream is too long")
	}
	if len(src) > 0 {
		xor(dst[:len(src)], src, key, nonce, first)
	}
}

func generic(dst, src []byte, key *[32]byte, nonce *[8]byte, first uint32) {
	var counter [16]byte
	copy(counter[:], nonce[:])
	binary.LittleEndian.PutUint32(counter[8:], first)
	salsa.XORKeyStream(dst, src, &counter, key)
}
