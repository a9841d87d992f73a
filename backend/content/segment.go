package content

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// Sizes of the format. Changing one is a new format.
const (
	segPlain   = 65520         // plain bytes of a segment
	tagSize    = 16            // of AES-256-GCM
	segSealed  = 65536         // segPlain + tagSize
	leafSize   = 1 << 20       // ciphertext bytes of a leaf: 16 segments
	maxLinks   = 1024          // of an inner node
	maxSize    = 1 << 60       // plain bytes of an object; keeps every sum far from overflow
	bufferSize = 2 * segSealed // pooled: two sealed segments
)

// segments is how many segments size plain bytes take: at least one.
func segments(size int64) int64 { return max(1, (size+segPlain-1)/segPlain) }

// sealedSize is the ciphertext's length. Empty content is one empty segment.
func sealedSize(size int64) int64 { return size + tagSize*segments(size) }

// sealer seals and opens the segments of one object. It is safe for concurrent use.
type sealer struct {
	id   ID
	aead cipher.AEAD
	ad   []byte // the id in hex: a segment cannot be moved to another object
}

func newSealer(id ID, key Key) sealer {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // only a wrong key length
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		panic(err) // only a wrong block size
	}
	return sealer{id, a, []byte(id.String())}
}

// nonce of segment n. The key is this object's own, so a counter never repeats;
// the last byte says whether the object ends here, so that cutting off whole
// segments shows.
func nonce(n int64, last bool) (b [12]byte) {
	binary.BigEndian.PutUint64(b[3:], uint64(n))
	if last {
		b[11] = 1
	}
	return b
}

// seal encrypts plain in place; its array must have room for the tag.
func (s sealer) seal(plain []byte, n int64, last bool) []byte {
	iv := nonce(n, last)
	return s.aead.Seal(plain[:0], iv[:], plain, s.ad)
}

// open decrypts in place; on an error the buffer holds no plain bytes.
func (s sealer) open(sealed []byte, n int64, last bool) ([]byte, error) {
	iv := nonce(n, last)
	return s.aead.Open(sealed[:0], iv[:], sealed, s.ad)
}
