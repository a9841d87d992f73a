package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
)

// Token is the secret of a session: 32 random bytes as 64 lower-case hex
// digits. It prints as "[redacted]"; Reveal is for the answer of a login and its cookie.
type Token struct {
	secret func() string // a closure, for the reason given at ClaimCode
}

func tokenOf(s string) Token { return Token{func() string { return s }} }

func newToken() Token {
	var raw [32]byte
	rand.Read(raw[:])
	return tokenOf(hex.EncodeToString(raw[:]))
}

// ParseToken refuses whatever can be no session's token, without asking the database.
func ParseToken(s string) (Token, bool) {
	if len(s) != 64 {
		return Token{}, false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return Token{}, false
		}
	}
	return tokenOf(s), true
}

// hash is what is stored of a token: SHA-256 of its 64 characters.
func (t Token) hash() [32]byte { return sha256.Sum256([]byte(t.Reveal())) }

// Reveal is the token itself, "" for the zero Token.
func (t Token) Reveal() string {
	if t.secret == nil {
		return ""
	}
	return t.secret()
}

func (t Token) String() string               { return "[redacted]" }
func (t Token) GoString() string             { return "[redacted]" }
func (t Token) LogValue() slog.Value         { return slog.StringValue("[redacted]") }
func (t Token) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
