package boson

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/nacl/box"
)

var (
	ErrPoint = errors.New("boson: the Id is no public key that can be boxed for")
	ErrOpen  = errors.New("boson: the box does not open")
)

const (
	NonceSize   = 24
	BoxOverhead = box.Overhead // 16: the Poly1305 tag, which stands first
)

// Nonce is used once per Box, by either side.
type Nonce [NonceSize]byte

// BoxPublic is an X25519 public key.
type BoxPublic [32]byte

// BoxKey is an X25519 private key.
type BoxKey struct {
	hidden
	secret func() *ecdh.PrivateKey
}

// Box is NaCl crypto_box between two keys, its shared key computed once.
type Box struct {
	hidden
	shared func() *[32]byte
}

// NewBoxKey makes a random key.
func NewBoxKey() BoxKey {
	var secret [32]byte
	rand.Read(secret[:])
	return BoxKeyFromSecret(secret)
}

// BoxKeyFromSecret takes the scalar as it is; X25519 clamps it in use.
func BoxKeyFromSecret(secret [32]byte) BoxKey {
	key, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		panic(err) // only for other lengths than 32
	}
	return BoxKey{secret: func() *ecdh.PrivateKey { return key }}
}

// Public is the other half of the pair.
func (k BoxKey) Public() BoxPublic { return BoxPublic(k.secret().PublicKey().Bytes()) }

// commonKey is the shared key with every public key of small order, which
// crypto_box itself accepts: HSalsa20 of a product that is zero.
var commonKey = [32]byte{
	0x35, 0x1f, 0x86, 0xfa, 0xa3, 0xb9, 0x88, 0x46, 0x8a, 0x85, 0x01, 0x22, 0xb6, 0x5b, 0x0a, 0xce,
	0xce, 0x9c, 0x48, 0x26, 0x80, 0x6a, 0xee, 0xe6, 0x3d, 0xe9, 0xc0, 0xda, 0x2b, 0xd7, 0xf9, 0x1e,
}

// Box is the box between k and the holder of public.
func (k BoxKey) Box(public BoxPublic) (Box, error) {
	var shared [32]byte
	secret := [32]byte(k.secret().Bytes())
	box.Precompute(&shared, (*[32]byte)(&public), &secret)
	if shared == commonKey {
		return Box{}, ErrPoint
	}
	return Box{shared: func() *[32]byte { return &shared }}, nil
}

// BoxKey is the X25519 key that belongs to k.
func (k Key) BoxKey() BoxKey {
	seed := k.Seed()
	hash := sha512.Sum512(seed[:])
	secret := [32]byte(hash[:32])
	secret[0] &= 0xf8
	secret[31] = secret[31]&0x7f | 0x40
	return BoxKeyFromSecret(secret)
}

// BoxPublic is the X25519 public key that belongs to id, if id is a public key
// whose order is not small.
func (id ID) BoxPublic() (BoxPublic, error) {
	if weak(id) {
		return BoxPublic{}, ErrPoint
	}
	point, err := new(edwards25519.Point).SetBytes(id[:])
	if err != nil {
		return BoxPublic{}, ErrPoint
	}
	return BoxPublic(point.BytesMontgomery()), nil
}

// Box is the box between k and the holder of id's key.
func (k Key) Box(id ID) (Box, error) {
	public, err := id.BoxPublic()
	if err != nil {
		return Box{}, err
	}
	return k.BoxKey().Box(public)
}

// Seal appends the box of plain to dst, which must not overlap it.
func (b Box) Seal(dst, plain []byte, nonce *Nonce) []byte {
	return sealBox(dst, plain, nonce, b.shared())
}

// Open appends what is in the box to dst, which must not overlap it.
func (b Box) Open(dst, boxed []byte, nonce *Nonce) ([]byte, error) {
	plain, ok := openBox(dst, boxed, nonce, b.shared())
	if !ok {
		return nil, ErrOpen
	}
	return plain, nil
}

// Derive makes a key for another use from the shared key: HKDF-SHA-256 without
// salt. Both sides of the box get the same one.
func (b Box) Derive(info string) [32]byte {
	return derive(b.shared()[:], nil, info)
}

func derive(secret, salt []byte, info string) [32]byte {
	key, err := hkdf.Key(sha256.New, secret, salt, info, 32)
	if err != nil {
		panic(err) // only for keys longer than 255 hashes
	}
	return [32]byte(key)
}
