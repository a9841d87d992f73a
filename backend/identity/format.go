package identity

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

const (
	formatFile = "format.json"
	// formatVersion is the layout of the data directory that this program reads and writes.
	formatVersion = 1

	maxJSON  = 64 << 10
	maxSlots = 16
)

// The kinds of key slot that this program opens.
const (
	kindLocal    = "local-file"
	kindKeychain = "keychain"
	kindPhrase   = "phrase"
)

// format is format.json: the version of the directory and the sealed data key.
type format struct {
	Format   int               `json:"format"`
	Created  time.Time         `json:"created"`
	StoreID  string            `json:"store_id"`
	Keyslots []json.RawMessage `json:"keyslots"` // as they are, so that slots of other programs survive a rewrite
}

type slot struct {
	Kind   string `json:"kind"`
	Salt   []byte `json:"salt,omitempty"`
	Sealed []byte `json:"sealed"`
}

// parseFormat reads format.json. A higher format is recognised before anything
// else is looked at, since nothing else need be as we know it.
func parseFormat(data []byte) (*format, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, refuse(formatFile, "is damaged. Put it back from a backup.", err)
	}
	if version.Format > formatVersion {
		return nil, errNewer(fmt.Errorf("format %d, this program knows %d", version.Format, formatVersion))
	}
	var f format
	err := strict(data, &f)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return nil, refuse(formatFile, "is damaged. Put it back from a backup.", err)
	}
	return &f, nil
}

func (f *format) check() error {
	if f.Format != formatVersion {
		return fmt.Errorf("format %d", f.Format)
	}
	id, err := hex.DecodeString(f.StoreID)
	if err != nil || len(id) != 16 || hex.EncodeToString(id) != f.StoreID {
		return errors.New("store_id is not 32 lower-case hex digits")
	}
	if f.Created.IsZero() {
		return errors.New("no created")
	}
	if len(f.Keyslots) == 0 || len(f.Keyslots) > maxSlots {
		return fmt.Errorf("%d key slots", len(f.Keyslots))
	}
	seen := map[string]bool{}
	for _, raw := range f.Keyslots {
		kind, err := kindOf(raw)
		if err != nil {
			return err
		}
		if seen[kind] {
			return fmt.Errorf("two slots of kind %q", kind)
		}
		seen[kind] = true
		if kind != kindLocal && kind != kindKeychain && kind != kindPhrase {
			continue
		}
		var s slot
		if err := strict(raw, &s); err != nil {
			return fmt.Errorf("slot %s: %w", kind, err)
		}
		if len(s.Sealed) != len(DataKey{})+overhead || (kind == kindPhrase) != (len(s.Salt) == 32) || (kind != kindPhrase) != (len(s.Salt) == 0) {
			return fmt.Errorf("slot %s has %d bytes, %d of salt", kind, len(s.Sealed), len(s.Salt))
		}
	}
	return nil
}

func kindOf(raw json.RawMessage) (string, error) {
	var s struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	if s.Kind == "" {
		return "", errors.New("a key slot without kind")
	}
	return s.Kind, nil
}

func (f *format) encode() ([]byte, error) { return encode(f) }

// open returns the data key from the slot of a kind; key computes the slot's
// key. Its error is errNoSlot or errSeal.
func (f *format) open(kind string, key func(slot) [32]byte) (DataKey, error) {
	for _, raw := range f.Keyslots {
		var s slot
		if k, err := kindOf(raw); err != nil || k != kind {
			continue
		}
		if err := strict(raw, &s); err != nil {
			return DataKey{}, err
		}
		plain, err := unseal(key(s), s.Sealed, f.StoreID+kind)
		if err != nil {
			return DataKey{}, err
		}
		return DataKey(plain), nil // its length follows from that of sealed
	}
	return DataKey{}, errNoSlot
}

var errNoSlot = errors.New("no such key slot")

// put adds the slot of a kind, in place of the one that there is.
func (f *format) put(s slot, key [32]byte, data DataKey) error {
	s.Sealed = seal(key, data[:], f.StoreID+s.Kind)
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	for i, have := range f.Keyslots {
		if kind, err := kindOf(have); err == nil && kind == s.Kind {
			f.Keyslots[i] = raw
			return nil
		}
	}
	f.Keyslots = append(f.Keyslots, raw)
	return nil
}

// has says whether there is a slot of a kind.
func (f *format) has(kind string) bool {
	return slices.ContainsFunc(f.Keyslots, func(raw json.RawMessage) bool { k, err := kindOf(raw); return err == nil && k == kind })
}

// drop takes the slot of a kind away.
func (f *format) drop(kind string) {
	f.Keyslots = slices.DeleteFunc(f.Keyslots, func(raw json.RawMessage) bool { k, err := kindOf(raw); return err == nil && k == kind })
}

// strict decodes one JSON value and nothing after it, without unknown fields.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func encode(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	return append(b, '\n'), err
}
