package names

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"pc2/backend/fault"
)

// Name is a node's public name: the first label of its address. It comes only
// from Parse.
type Name struct{ s string }

// ErrName: not a name that a node can have.
var ErrName = fault.New(fault.Invalid, "name_invalid", "A name has 3 to 30 letters a to z, digits and single hyphens, and neither begins nor ends with a hyphen.")

var errReserved = fault.New(fault.Invalid, "name_invalid", "This name is kept for the service itself.")

var form = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])$`)

// reserved are names that mean something to browsers, mail or operators.
func reserved() []string {
	return []string{"admin", "api", "www", "mail", "ftp", "localhost", "root", "system", "map", "ns1", "ns2", "autodiscover", "_acme-challenge", "status"}
}

// Parse reads a name in any letter case. "--" is refused: it separates a site
// from its node; and so is "_", which cannot stand in a certificate.
func Parse(s string) (Name, error) {
	// Before it is lowered, which makes a plain k of a Kelvin sign.
	if len(s) < 3 || len(s) > 30 || strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return Name{}, ErrName
	}
	s = strings.ToLower(s)
	if !form.MatchString(s) || strings.Contains(s, "--") {
		return Name{}, ErrName
	}
	if slices.Contains(reserved(), s) {
		return Name{}, errReserved
	}
	return Name{s}, nil
}

func (n Name) String() string { return n.s }

// MarshalText writes it as it is read.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.s), nil }

// IsZero says whether n is no name.
func (n Name) IsZero() bool { return n.s == "" }
