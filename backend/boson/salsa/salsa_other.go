//go:build !amd64 || purego

package salsa

func xor(dst, src []byte, key *[32]byte, nonce *[8]byte, first uint32) {
	generic(dst, src, key, nonce, first)
}
