package content

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"pc2/backend/wallet"
)

// Keyring wraps object keys for their owners. An owner's key comes from the
// node's data key, so nothing has to be stored for it.
type Keyring struct {
	data  [32]byte
	users sync.Map // wallet.Address -> cipher.AEAD: as many as there are homes
}

// ErrWrapped: a wrapped key is not that of this owner and object.
var ErrWrapped = errors.New("wrapped key does not open")

// NewKeyring returns the keyring of a node.
func NewKeyring(dataKey [32]byte) *Keyring { return &Keyring{data: dataKey} }

func (*Keyring) LogValue() slog.Value       { return slog.StringValue(redacted) }
func (*Keyring) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// Wrap seals an object's key for its owner: 12-byte nonce ‖ AES-256-GCM.
func (k *Keyring) Wrap(owner wallet.Address, id ID, key Key) ([]byte, error) {
	a, err := k.user(owner)
	if err != nil {
		return nil, fmt.Errorf("wrap the key of object %s: %w", id, err)
	}
	iv := make([]byte, a.NonceSize(), a.NonceSize()+len(key)+a.Overhead())
	rand.Read(iv)
	return a.Seal(iv, iv, key[:], bound(owner, id)), nil
}

// Unwrap opens what Wrap made for the same owner and object.
func (k *Keyring) Unwrap(owner wallet.Address, id ID, wrapped []byte) (key Key, err error) {
	a, err := k.user(owner)
	if err != nil {
		return Key{}, fmt.Errorf("unwrap the key of object %s: %w", id, err)
	}
	if n := a.NonceSize(); len(wrapped) == n+len(key)+a.Overhead() {
		if plain, err := a.Open(nil, wrapped[:n], wrapped[n:], bound(owner, id)); err == nil {
			return Key(plain), nil
		}
	}
	return Key{}, corrupt(id, ErrWrapped)
}

// user returns the owner's cipher.
func (k *Keyring) user(owner wallet.Address) (cipher.AEAD, error) {
	if a, ok := k.users.Load(owner); ok {
		return a.(cipher.AEAD), nil
	}
	key, err := hkdf.Key(sha256.New, k.data[:], nil, "pc2 user v1"+string(owner[:]), 32)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		return nil, err
	}
	k.users.Store(owner, a)
	return a, nil
}

// bound is the associated data, which binds a wrapped key to its row: 20 bytes of
// address and 16 hex digits of the object.
func bound(owner wallet.Address, id ID) []byte { return append(owner[:], id.String()...) }
