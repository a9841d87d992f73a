package wallet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// vector is a signature made by other people's code; see "source" in the file.
type vector struct{ Address, Message, Digest, Signature, Compact string }

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/personal_sign.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 32 {
		t.Fatalf("%d vectors, want 32", len(file.Vectors))
	}
	return file.Vectors
}

func bin(t testing.TB, s string) []byte {
	t.Helper()
	b, err := ParseSignature(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecover(t *testing.T) {
	seen := map[byte]bool{}
	for _, v := range vectors(t) {
		digest := Digest([]byte(v.Message))
		if got := "0x" + hex.EncodeToString(digest[:]); got != v.Digest {
			t.Errorf("digest of %.20q: %s, want %s", v.Message, got, v.Digest)
		}
		sig := bin(t, v.Signature)
		seen[sig[64]] = true
		raw := bytes.Clone(sig)
		raw[64] -= 27
		for name, s := range map[string][]byte{"v 27/28": sig, "v 0/1": raw, "EIP-2098": bin(t, v.Compact)} {
			before := bytes.Clone(s)
			got, err := Recover([]byte(v.Message), s)
			if err != nil || got.Checksum() != v.Address {
				t.Errorf("%.20q, %s: %s %v, want %s", v.Message, name, got.Checksum(), err, v.Address)
			}
			if !bytes.Equal(s, before) {
				t.Errorf("%s: the signature was changed", name)
			}
		}
	}
	if !seen[27] || !seen[28] {
		t.Errorf("the vectors have not both parities: %v", seen)
	}
}

// A change of any bit of message or signature must never give the signer's address.
func TestRecoverAltered(t *testing.T) {
	v := vectors(t)[3]
	message, sig := []byte(v.Message), bin(t, v.Signature)
	refuse := func(what string, message, sig []byte) {
		t.Helper()
		got, err := Recover(message, sig)
		if err == nil && got.Checksum() == v.Address {
			t.Errorf("%s still recovers to the signer", what)
		}
		if err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range 8 * len(sig) {
		s := bytes.Clone(sig)
		s[i/8] ^= 1 << (i % 8)
		refuse("signature with a flipped bit", message, s)
	}
	for i := range message {
		m := bytes.Clone(message)
		m[i] ^= 1
		refuse("message with a flipped bit", m, sig)
	}
	refuse("message cut short", message[:len(message)-1], sig)
	refuse("message with a newline", append(bytes.Clone(message), '\n'), sig)
	other := bin(t, vectors(t)[4].Signature)
	refuse("signature of another message", message, other)
}

func TestRecoverRefuses(t *testing.T) {
	v := vectors(t)[1]
	message, good := []byte(v.Message), bin(t, v.Signature)
	order, _ := hex.DecodeString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	half, _ := hex.DecodeString("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")
	above, _ := hex.DecodeString("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1")
	make65 := func(r, s []byte, v byte) []byte { return append(append(append([]byte{}, r...), s...), v) }
	r, s, zero := good[:32], good[32:64], make([]byte, 32)

	var high secp256k1.ModNScalar
	high.SetByteSlice(s)
	twin := high.Negate().Bytes()
	xOff := bytes.Clone(zero) // 5 is not the x of any point on y² = x³ + 7
	xOff[31] = 5

	tests := []struct {
		name string
		sig  []byte
	}{
		{"empty", nil},
		{"63 bytes", good[:63]},
		{"66 bytes", append(bytes.Clone(good), 0)},
		{"v 2", make65(r, s, 2)},
		{"v 26", make65(r, s, 26)},
		{"v 29", make65(r, s, 29)},
		{"v 31, compressed in other libraries", make65(r, s, 31)},
		{"v 37, EIP-155", make65(r, s, 37)},
		{"v 255", make65(r, s, 255)},
		{"high s, parity as is", make65(r, twin[:], good[64])},
		{"high s, the valid twin", make65(r, twin[:], good[64]^7)}, // 27 <-> 28
		{"s just above the half", make65(r, above, 27)},
		{"s just above the half, EIP-2098", append(bytes.Clone(r), above...)},
		{"s all ones but the parity, EIP-2098", append(bytes.Clone(r), bytes.Repeat([]byte{0xff}, 32)...)},
		{"s = n", make65(r, order, 27)},
		{"s > n", make65(r, bytes.Repeat([]byte{0xff}, 32), 27)},
		{"s = 0", make65(r, zero, 27)},
		{"s = 0, EIP-2098", append(bytes.Clone(r), zero...)},
		{"r = 0", make65(zero, s, 27)},
		{"r = n", make65(order, s, 27)},
		{"r > n", make65(bytes.Repeat([]byte{0xff}, 32), s, 27)},
		{"r and s = 0", make65(zero, zero, 0)},
		{"r is no point", make65(xOff, s, 27)},
		{"key at infinity", infinity(message)},
	}
	for _, test := range tests {
		a, err := Recover(message, test.sig)
		if !errors.Is(err, ErrSignature) || !a.IsZero() {
			t.Errorf("%s: %s, %v", test.name, a, err)
		}
	}
	if _, err := Recover(message, make65(r, half, 27)); err != nil {
		t.Errorf("s = n/2 is in the lower half: %v", err)
	}
	if _, err := Recover(make([]byte, MaxMessage), good); err != nil {
		t.Errorf("longest message: %v", err)
	}
	if _, err := Recover(make([]byte, MaxMessage+1), good); !errors.Is(err, ErrSignature) {
		t.Errorf("message over the limit: %v", err)
	}
}

// infinity makes a signature whose r, s are in range but whose key would be the
// point at infinity: with R = kG and s = e/k, Q = r⁻¹(sR - eG) = 0.
func infinity(message []byte) []byte {
	digest := Digest(message)
	var e, k, s secp256k1.ModNScalar
	e.SetBytes(&digest)
	for n := uint32(1); ; n++ {
		k.SetInt(n)
		s.InverseValNonConst(&k).Mul(&e)
		if s.IsOverHalfOrder() {
			continue
		}
		var p secp256k1.JacobianPoint
		secp256k1.ScalarBaseMultNonConst(&k, &p)
		p.ToAffine()
		r, sb := p.X.Bytes(), s.Bytes()
		return append(append(r[:], sb[:]...), p.Y.Bytes()[31]&1)
	}
}

func TestParseSignature(t *testing.T) {
	for _, in := range []string{"0x00ff", "00ff", "0x00FF"} {
		if b, err := ParseSignature(in); err != nil || !bytes.Equal(b, []byte{0, 255}) {
			t.Errorf("%q: %x %v", in, b, err)
		}
	}
	if b, err := ParseSignature("0x" + strings.Repeat("ab", MaxSignature)); err != nil || len(b) != MaxSignature {
		t.Errorf("longest: %d %v", len(b), err)
	}
	for _, in := range []string{"", "0x", "0", "0x0", "0xzz", "0x0x00", " 00", "00 ", "00\n", "0x" + strings.Repeat("ab", MaxSignature+1)} {
		if b, err := ParseSignature(in); !errors.Is(err, ErrSignature) || b != nil {
			t.Errorf("%.20q: %x %v", in, b, err)
		}
	}
}

func FuzzParseSignature(f *testing.F) {
	v := vectors(f)[0]
	f.Add(v.Signature)
	f.Add(v.Compact)
	f.Add("0x")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseSignature(s)
		if err != nil {
			return
		}
		if len(b) == 0 || len(b) > MaxSignature || hex.EncodeToString(b) != strings.ToLower(strings.TrimPrefix(s, "0x")) {
			t.Errorf("%q became %x", s, b)
		}
	})
}

// The two parities of one (r, s) belong to different keys.
func FuzzRecover(f *testing.F) {
	for _, v := range vectors(f)[:8] {
		f.Add([]byte(v.Message), bin(f, v.Signature))
		f.Add([]byte(v.Message), bin(f, v.Compact))
	}
	f.Add([]byte("x"), infinity([]byte("x")))
	f.Fuzz(func(t *testing.T, message, sig []byte) {
		a, err := Recover(message, sig)
		if err != nil {
			if !errors.Is(err, ErrSignature) || !a.IsZero() {
				t.Errorf("%s %v", a, err)
			}
			return
		}
		other := bytes.Clone(sig)
		if len(sig) == 65 {
			other[64] ^= 1 // 0 <-> 1, 27 <-> 26 or 28 <-> 29
			if sig[64] >= 27 {
				other[64] = 55 - sig[64]
			}
		} else {
			other[32] ^= 0x80
		}
		if b, err := Recover(message, other); err == nil && b == a {
			t.Errorf("both parities recover to %s", a)
		}
	})
}
