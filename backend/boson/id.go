package boson

import (
	"errors"
	"strings"

	"github.com/mr-tron/base58"
)

// ID names a node, peer, user or device by its Ed25519 public key, or a value
// by its hash. Compare with ==.
type ID [32]byte

var (
	ErrID  = errors.New("boson: an Id is 32 bytes in Base58")
	ErrDID = errors.New("boson: a DID is did:boson: and an Id in Base58")
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

// String is the Base58 form.
func (id ID) String() string { return base58.Encode(id[:]) }

// DID is the decentralized identifier: "did:boson:" and the Base58 form.
func (id ID) DID() string { return method + id.String() }

// IsZero says whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText gives the Base58 form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseID.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}
