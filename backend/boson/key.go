package boson

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
)

// Seed is the secret that a Key is made from.
type Seed [ed25519.SeedSize]byte

// Key is an Ed25519 private key, made by KeyFromSeed. The zero Key is no key:
// its methods panic.
type Key struct {
	// A closure, because fmt prints the unexported fields of other structs without
	// asking their methods, and follows pointers too: of a function it prints the address.
	secret func() ed25519.PrivateKey
}

// KeyFromSeed derives the key pair of a seed.
func KeyFromSeed(seed Seed) Key {
	private := ed25519.NewKeyFromSeed(seed[:])
	return Key{func() ed25519.PrivateKey { return private }}
}

// ID is the public key.
func (k Key) ID() ID { return ID(k.secret()[ed25519.SeedSize:]) }

// Seed is the secret itself.
func (k Key) Seed() Seed { return Seed(k.secret()[:ed25519.SeedSize]) }

// Sign makes the detached signature of 64 bytes. It is deterministic.
func (k Key) Sign(message []byte) []byte { return ed25519.Sign(k.secret(), message) }

// Verify says whether sig is id's signature of message.
func Verify(id ID, message, sig []byte) bool {
	return len(sig) == ed25519.SignatureSize && !weak(id) && ed25519.Verify(id[:], message, sig)
}

const redacted = "redacted"

// Format prints "redacted", whatever the verb.
func (Key) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

func (Key) String() string               { return redacted }
func (Key) GoString() string             { return redacted }
func (Key) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format prints "redacted", whatever the verb.
func (Seed) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

func (Seed) String() string               { return redacted }
func (Seed) GoString() string             { return redacted }
func (Seed) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Seed) MarshalText() ([]byte, error) { return []byte(redacted), nil }
