// Package salsa is the stream cipher Salsa20/20 of golang.org/x/crypto, several
// times as fast on processors with AVX2. Every byte that a relay carries goes through
// it twice, and it is most of what that costs.
//
//	salsa.XOR(dst, src, &key, &nonce, 0)
//
// On other processors, and with the build tag purego, it is the library's. A fuzz
// test compares the two.
//
// # How it is laid out
//
// The cipher mixes the columns of a matrix, then its rows, ten times. As diagonals
//
//	x0  x1  x2  x3       a = x0  x5  x10 x15
//	x4  x5  x6  x7       b = x4  x9  x14 x3
//	x8  x9  x10 x11      c = x8  x13 x2  x7
//	x12 x13 x14 x15      d = x12 x1  x6  x11
//
// the four columns are mixed by the same few instructions, and so are the rows once
// b, c and d are turned by one, two and three places. Each word of a row stands at its
// place in one of the diagonals, so that in the end choosing puts the rows together.
// A register holds a diagonal of two blocks; six blocks are made at once.
package salsa
