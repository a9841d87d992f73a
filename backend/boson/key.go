package boson

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/mr-tron/base58"
)

// ErrKey is for texts that are no private key.
var ErrKey = errors.New("boson: a private key is 64 bytes in Base58 or, after 0x, in hex: a seed and its public key")

// Seed is the secret that a Key is made from.
type Seed [ed25519.SeedSize]byte

// Key is an Ed25519 private key, made by KeyFromSeed. The zero Key is no key:
// its methods panic.
type Key struct {
	hidden
	// A closure, because fmt prints the unexported fields of other structs without
	// asking their methods, and follows pointers too: of a function it prints the address.
	secret func() ed25519.PrivateKey
}

// KeyFromSeed derives the key pair of a seed.
func KeyFromSeed(seed Seed) Key {
	private := ed25519.NewKeyFromSeed(seed[:])
	return Key{secret: func() ed25519.PrivateKey { return private }}
}

// ParseKey reads the text of a private key in configuration files. Its second
// half must be the public key of the first: others sign with one and are known by the other.
func ParseKey(s string) (Key, error) {
	const maxBase58 = 88
	var b []byte
	var err error
	switch digits, isHex := strings.CutPrefix(s, "0x"); {
	case isHex && len(digits) == 2*ed25519.PrivateKeySize:
		b, err = hex.DecodeString(digits)
	case !isHex && len(s) <= maxBase58:
		b, err = base58.Decode(s)
	default:
		return Key{}, ErrKey
	}
	if err != nil || len(b) != ed25519.PrivateKeySize {
		return Key{}, ErrKey
	}
	key := KeyFromSeed(Seed(b[:ed25519.SeedSize]))
	if !bytes.Equal(key.secret(), b) {
		return Key{}, ErrKey
	}
	return key, nil
}

// ID is the public key.
func (k Key) ID() ID { return ID(k.secret()[ed25519.SeedSize:]) }

// Seed is the secret itself.
func (k Key) Seed() Seed { return Seed(k.secret()[:ed25519.SeedSize]) }

// Reveal is the Base58 text that ParseKey reads.
func (k Key) Reveal() string { return base58.Encode(k.secret()) }

// Sign makes the detached signature of 64 bytes. It is deterministic.
func (k Key) Sign(message []byte) []byte { return ed25519.Sign(k.secret(), message) }

// Verify says whether sig is id's signature of message.
func Verify(id ID, message, sig []byte) bool {
	return len(sig) == ed25519.SignatureSize && !weak(id) && ed25519.Verify(id[:], message, sig)
}

// Format prints "redacted", whatever the verb.
func (Seed) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

func (Seed) String() string               { return redacted }
func (Seed) GoString() string             { return redacted }
func (Seed) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Seed) MarshalText() ([]byte, error) { return []byte(redacted), nil }
