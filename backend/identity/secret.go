package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// DataKey is the key that everything at rest is encrypted under, by way of
// keys derived from it. It can be passed wherever a [32]byte is wanted.
type DataKey [32]byte

func (k DataKey) equal(l DataKey) bool { return subtle.ConstantTimeCompare(k[:], l[:]) == 1 }

const redacted = "redacted"

// Format prints "redacted", whatever the verb.
func (DataKey) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

func (DataKey) String() string               { return redacted }
func (DataKey) GoString() string             { return redacted }
func (DataKey) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (DataKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// overhead is what sealing adds: nonce and tag.
const overhead = 12 + 16

var errSeal = errors.New("sealed under another key, or damaged")

// seal returns nonce ‖ ciphertext ‖ tag.
func seal(key [32]byte, plain []byte, ad string) []byte {
	return gcm(key).Seal(nil, nil, plain, []byte(ad))
}

func unseal(key [32]byte, sealed []byte, ad string) ([]byte, error) {
	plain, err := gcm(key).Open(nil, nil, sealed, []byte(ad))
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

func gcm(key [32]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // only for a wrong key length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for a cipher that is not AES
	}
	return aead
}

// derive is HKDF-SHA-256.
func derive(secret, salt []byte, info string) [32]byte {
	key, err := hkdf.Key(sha256.New, secret, salt, info, 32)
	if err != nil {
		panic(err) // only for a length over 255 hashes
	}
	return [32]byte(key)
}

func random32() (b [32]byte) {
	rand.Read(b[:]) // never fails
	return b
}
