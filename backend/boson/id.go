package boson

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/bits"
	"strings"

	"github.com/mr-tron/base58"
)

// ID names a node, peer, user or device by its Ed25519 public key, or a value
// by its hash. Compare with ==.
type ID [32]byte

var (
	ErrID  = errors.New("boson: an Id is 32 bytes in Base58")
	ErrDID = errors.New("boson: a DID is did:boson: and an Id in Base58")
	ErrHex = errors.New("boson: an Id is 64 hex digits, after 0x or not")
)

const (
	method = "did:boson:"
	// maxText is the length of the longest Base58 text of 32 bytes. Decoding takes
	// time that grows with the square of the length, so it is looked at first.
	maxText = 44
)

// ParseID reads the Base58 form of an ID.
func ParseID(s string) (id ID, err error) {
	if len(s) > maxText {
		return ID{}, ErrID
	}
	b, err := base58.Decode(s)
	if err != nil || len(b) != len(id) {
		return ID{}, ErrID
	}
	return ID(b), nil
}

// ParseDID reads what ID.DID returns.
func ParseDID(s string) (ID, error) {
	text, ok := strings.CutPrefix(s, method)
	if !ok {
		return ID{}, ErrDID
	}
	id, err := ParseID(text)
	if err != nil {
		return ID{}, ErrDID
	}
	return id, nil
}

// ParseHexID reads 64 hex digits of either case, with or without 0x in front.
func ParseHexID(s string) (ID, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil || len(b) != len(ID{}) {
		return ID{}, ErrHex
	}
	return ID(b), nil
}

// ParseAnyID reads every text form of an ID: Base58, 0x and hex digits, DID. It
// is for what people type and other programs write; ours write Base58.
func ParseAnyID(s string) (ID, error) {
	switch {
	case strings.HasPrefix(s, "0x"):
		return ParseHexID(s)
	case strings.HasPrefix(s, method):
		return ParseDID(s)
	}
	return ParseID(s)
}

// String is the Base58 form.
func (id ID) String() string { return base58.Encode(id[:]) }

// DID is the decentralized identifier: "did:boson:" and the Base58 form.
func (id ID) DID() string { return method + id.String() }

// Hex is the other form: 0x and 64 lower-case digits.
func (id ID) Hex() string { return "0x" + hex.EncodeToString(id[:]) }

// Compare orders Ids as 256-bit big-endian numbers.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Distance is the XOR metric. Of two Ids that one is closer whose distance compares less.
func (id ID) Distance(other ID) (d ID) {
	for i := range d {
		d[i] = id[i] ^ other[i]
	}
	return d
}

// Bits is the length of id as a number, without leading zeros: of a distance, 256 for Ids
// that differ in the first bit and 0 for equal ones.
func (id ID) Bits() int {
	for i, b := range id {
		if b != 0 {
			return 8*(len(id)-i-1) + bits.Len8(b)
		}
	}
	return 0
}

// IsZero says whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText gives the Base58 form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseID.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}
