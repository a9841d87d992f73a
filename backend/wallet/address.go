package wallet

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/sha3"

	"pc2/backend/fault"
)

// Address is an Ethereum address. Make it with Parse or Recover.
type Address [20]byte

var errAddress = fault.New(fault.Invalid, "field_invalid",
	"A wallet address is 0x and 40 hex digits.").With("key", "address")

// Parse reads 0x and 40 hex digits of any letter case; EIP-55 is not checked.
func Parse(s string) (Address, error) {
	var a Address
	if len(s) != 2+2*len(a) || s[0] != '0' || (s[1] != 'x' && s[1] != 'X') {
		return Address{}, errAddress
	}
	if _, err := hex.Decode(a[:], []byte(s[2:])); err != nil {
		return Address{}, errAddress
	}
	return a, nil
}

// String is 0x and 40 lower-case hex digits: the form on the wire and in the database.
func (a Address) String() string { return string(a.append(nil)) }

func (a Address) append(b []byte) []byte { return hex.AppendEncode(append(b, "0x"...), a[:]) }

// Checksum is the mixed-case form of EIP-55.
func (a Address) Checksum() string {
	text := a.append(nil)
	sum := keccak(text[2:])
	for i := range text[2:] {
		nibble := sum[i/2] >> 4
		if i%2 == 1 {
			nibble = sum[i/2] & 15
		}
		if c := &text[2+i]; *c >= 'a' && nibble >= 8 {
			*c -= 'a' - 'A'
		}
	}
	return string(text)
}

// IsZero says whether a is the zero address, which is nobody's.
func (a Address) IsZero() bool { return a == Address{} }

// MarshalText gives String's form.
func (a Address) MarshalText() ([]byte, error) { return a.append(nil), nil }

// UnmarshalText is Parse.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a, err = Parse(string(text))
	return err
}

// Value stores String's form.
func (a Address) Value() (driver.Value, error) { return a.String(), nil }

// Scan reads a TEXT column. For one that may be NULL use sql.Null[Address].
func (a *Address) Scan(src any) (err error) {
	switch v := src.(type) {
	case string:
		*a, err = Parse(v)
	case []byte:
		*a, err = Parse(string(v))
	default:
		err = fmt.Errorf("scan wallet address from %T", src)
	}
	return err
}

func keccak(parts ...[]byte) (sum [32]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}
