package identity

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
)

// hardened marks an index whose child cannot be derived from a public key.
// Ed25519 has no other children.
const hardened = 1 << 31

// nodePath is m/44'/0'/0'.
var nodePath = []uint32{44, 0, 0}

// slip10 derives an Ed25519 seed and its chain code from a master seed, along a
// path of hardened indices (SLIP-0010).
func slip10(master []byte, path ...uint32) (seed, chain [32]byte) {
	seed, chain = split([]byte("ed25519 seed"), master)
	for _, index := range path {
		data := append([]byte{0}, seed[:]...)
		data = binary.BigEndian.AppendUint32(data, index|hardened)
		seed, chain = split(chain[:], data)
	}
	return seed, chain
}

func split(key, data []byte) (left, right [32]byte) {
	mac := hmac.New(sha512.New, key)
	mac.Write(data)
	sum := mac.Sum(nil)
	return [32]byte(sum[:32]), [32]byte(sum[32:])
}
