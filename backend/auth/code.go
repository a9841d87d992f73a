package auth

import (
	"crypto/rand"
	"strings"
)

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// randomCode makes n characters of Crockford base32, 5 bits each.
func randomCode(n int) string {
	raw := make([]byte, n)
	rand.Read(raw)
	for i, b := range raw {
		raw[i] = crockford[b%32]
	}
	return string(raw)
}

// readCode reads a code of n characters as people type it: any letter case,
// hyphens and spaces anywhere, O for 0, I and L for 1.
func readCode(s string, n int) (string, bool) {
	var out []byte
	for _, c := range []byte(strings.ToUpper(clip(s, 64))) {
		switch c {
		case '-', ' ':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if strings.IndexByte(crockford, c) < 0 || len(out) == n {
			return "", false
		}
		out = append(out, c)
	}
	return string(out), len(out) == n
}
