//go:build amd64 && !purego

package salsa

import (
	"encoding/binary"

	"golang.org/x/sys/cpu"
)

const (
	block = 64
	group = 6 * block // what groups makes at once
)

// groups XORs n groups of key stream into src and raises the counters in state.
//
//go:noescape
func groups(dst, src *byte, state *[group]byte, n int)

func xor(dst, src []byte, key *[32]byte, nonce *[8]byte, first uint32) {
	if !cpu.X86.HasAVX2 {
		generic(dst, src, key, nonce, first)
		return
	}
	var state [group]byte
	lay(&state, key, nonce, first)
	if n := len(src) / group; n > 0 {
		groups(&dst[0], &src[0], &state, n)
		dst, src = dst[n*group:], src[n*group:]
	}
	if len(src) > 0 {
		var last [group]byte
		copy(last[:], src)
		groups(&last[0], &last[0], &state, 1)
		copy(dst, last[:len(src)])
	}
}

// diagonals says which word of the matrix stands where in the rows of one block:
// see the manual.
func diagonals(m *[16]uint32) (rows [4][16]byte) {
	for i, word := range [16]int{0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11} {
		binary.LittleEndian.PutUint32(rows[i/4][i%4*4:], m[word])
	}
	return rows
}

// lay writes the matrices of six blocks.
func lay(state *[group]byte, key *[32]byte, nonce *[8]byte, first uint32) {
	var m [16]uint32
	m[0], m[5], m[10], m[15] = 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 // "expand 32-byte k"
	for i := range 4 {
		m[1+i] = binary.LittleEndian.Uint32(key[4*i:])
		m[11+i] = binary.LittleEndian.Uint32(key[16+4*i:])
	}
	m[6], m[7] = binary.LittleEndian.Uint32(nonce[:]), binary.LittleEndian.Uint32(nonce[4:])
	rows := diagonals(&m)
	for n := range uint32(6) { // two of them beside each other, in each row
		binary.LittleEndian.PutUint32(rows[2][:], first+n) // x8, the counter
		for i := range uint32(4) {
			copy(state[n/2*128+i*32+n%2*16:], rows[i][:])
		}
	}
}
