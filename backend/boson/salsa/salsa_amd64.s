//go:build amd64 && !purego

#include "textflag.h"

// Each register holds a row of two blocks, in the order of doc.go: a diagonal of the
// matrix. Three such pairs of blocks are on their way at once, so that nobody
// waits for the sum before.
//
//	pair 0: a Y0 b Y1 c Y2  d Y3
//	pair 1: a Y4 b Y5 c Y6  d Y7
//	pair 2: a Y8 b Y9 c Y10 d Y11

// b ^= (a + d) <<< n, for each pair
#define STEP(a0, d0, b0, a1, d1, b1, a2, d2, b2, n) \
	VPADDD a0, d0, Y12         \
	VPADDD a1, d1, Y13         \
	VPADDD a2, d2, Y14         \
	VPSLLD $n, Y12, Y15        \
	VPXOR  Y15, b0, b0         \
	VPSRLD $(32-n), Y12, Y12   \
	VPSLLD $n, Y13, Y15        \
	VPXOR  Y15, b1, b1         \
	VPSRLD $(32-n), Y13, Y13   \
	VPSLLD $n, Y14, Y15        \
	VPXOR  Y15, b2, b2         \
	VPSRLD $(32-n), Y14, Y14   \
	VPXOR  Y12, b0, b0         \
	VPXOR  Y13, b1, b1         \
	VPXOR  Y14, b2, b2

// The columns as diagonals; then they are turned to be the rows, for which b and d
// change places.
#define HALF(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2) \
	STEP(a0, d0, b0, a1, d1, b1, a2, d2, b2, 7)  \
	STEP(b0, a0, c0, b1, a1, c1, b2, a2, c2, 9)  \
	STEP(c0, b0, d0, c1, b1, d1, c2, b2, d2, 13) \
	STEP(d0, c0, a0, d1, c1, a1, d2, c2, a2, 18) \
	VPSHUFD $0x93, b0, b0 \
	VPSHUFD $0x93, b1, b1 \
	VPSHUFD $0x93, b2, b2 \
	VPSHUFD $0x4e, c0, c0 \
	VPSHUFD $0x4e, c1, c1 \
	VPSHUFD $0x4e, c2, c2 \
	VPSHUFD $0x39, d0, d0 \
	VPSHUFD $0x39, d1, d1 \
	VPSHUFD $0x39, d2, d2

// Adds the state, puts the diagonals back into rows, and writes two blocks.
#define OUTPUT(a, b, c, d, state, at) \
	VPADDD     (state+0)(BX), a, a    \
	VPADDD     (state+32)(BX), b, b   \
	VPADDD     (state+64)(BX), c, c   \
	VPADDD     (state+96)(BX), d, d   \
	VPBLENDD   $0x22, d, a, Y12       \
	VPBLENDD   $0x88, b, c, Y13       \
	VPBLENDD   $0xcc, Y13, Y12, Y12   \
	VPBLENDD   $0x22, a, b, Y13       \
	VPBLENDD   $0x88, c, d, Y14       \
	VPBLENDD   $0xcc, Y14, Y13, Y13   \
	VPBLENDD   $0x22, b, c, Y14       \
	VPBLENDD   $0x88, d, a, Y15       \
	VPBLENDD   $0xcc, Y15, Y14, Y14   \
	VPBLENDD   $0x22, c, d, Y15       \
	VPBLENDD   $0x88, a, b, a         \
	VPBLENDD   $0xcc, a, Y15, Y15     \
	VPERM2I128 $0x20, Y13, Y12, a     \
	VPERM2I128 $0x20, Y15, Y14, b     \
	VPERM2I128 $0x31, Y13, Y12, c     \
	VPERM2I128 $0x31, Y15, Y14, d     \
	VPXOR      (at+0)(SI), a, a       \
	VPXOR      (at+32)(SI), b, b      \
	VPXOR      (at+64)(SI), c, c      \
	VPXOR      (at+96)(SI), d, d      \
	VMOVDQU    a, (at+0)(DI)          \
	VMOVDQU    b, (at+32)(DI)         \
	VMOVDQU    c, (at+64)(DI)         \
	VMOVDQU    d, (at+96)(DI)

DATA six<>+0(SB)/8, $6
DATA six<>+8(SB)/8, $0
DATA six<>+16(SB)/8, $6
DATA six<>+24(SB)/8, $0
GLOBL six<>(SB), RODATA, $32

// func groups(dst, src *byte, state *[384]byte, n int)
TEXT ·groups(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ state+16(FP), BX
	MOVQ n+24(FP), CX

group:
	VMOVDQU 0(BX), Y0
	VMOVDQU 32(BX), Y1
	VMOVDQU 64(BX), Y2
	VMOVDQU 96(BX), Y3
	VMOVDQU 128(BX), Y4
	VMOVDQU 160(BX), Y5
	VMOVDQU 192(BX), Y6
	VMOVDQU 224(BX), Y7
	VMOVDQU 256(BX), Y8
	VMOVDQU 288(BX), Y9
	VMOVDQU 320(BX), Y10
	VMOVDQU 352(BX), Y11
	MOVQ    $10, AX

round:
	HALF(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11)
	HALF(Y0, Y3, Y2, Y1, Y4, Y7, Y6, Y5, Y8, Y11, Y10, Y9)
	DECQ AX
	JNZ  round

	OUTPUT(Y0, Y1, Y2, Y3, 0, 0)
	OUTPUT(Y4, Y5, Y6, Y7, 128, 128)
	OUTPUT(Y8, Y9, Y10, Y11, 256, 256)

	// The counter stands in c.
	VMOVDQU six<>(SB), Y15
	VPADDD  64(BX), Y15, Y12
	VPADDD  192(BX), Y15, Y13
	VPADDD  320(BX), Y15, Y14
	VMOVDQU Y12, 64(BX)
	VMOVDQU Y13, 192(BX)
	VMOVDQU Y14, 320(BX)

	ADDQ $384, SI
	ADDQ $384, DI
	DECQ CX
	JNZ  group

	VZEROUPPER
	RET
