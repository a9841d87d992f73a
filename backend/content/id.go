package content

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// ID names an object: 64 bits, random for a file and counted up for inline content
// (inlineID), written as 16 lower-case hex digits and kept in the database as the
// signed number of the same bits.
type ID uint64

func newID() ID {
	var b [8]byte
	rand.Read(b[:]) // never fails (it ends the program instead)
	return ID(binary.BigEndian.Uint64(b[:]))
}

// ParseID reads the form that String writes, and no other.
func ParseID(s string) (ID, error) {
	var b [8]byte
	if len(s) != 16 {
		return 0, fmt.Errorf("object id %q: want 16 hex digits", s)
	}
	if _, err := hex.Decode(b[:], []byte(s)); err != nil {
		return 0, fmt.Errorf("object id %q: %w", s, err)
	}
	id := ID(binary.BigEndian.Uint64(b[:]))
	if id.String() != s {
		return 0, fmt.Errorf("object id %q: want lower case", s)
	}
	return id, nil
}

func (id ID) String() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id))
	return hex.EncodeToString(b[:])
}

// LogValue and MarshalText write String's form, which JSON's numbers cannot hold.
func (id ID) LogValue() slog.Value         { return slog.StringValue(id.String()) }
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// Value makes an ID a parameter of a query.
func (id ID) Value() (driver.Value, error) { return int64(id), nil }

// Scan reads a column.
func (id *ID) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("object id: column holds %T", v)
	}
	*id = ID(n)
	return nil
}

// Key is the key of one object. It is made for that object and used for no
// other. It prints, logs and marshals as "[redacted]".
type Key [32]byte

func newKey() (k Key) {
	rand.Read(k[:])
	return k
}

const redacted = "[redacted]"

func (Key) String() string               { return redacted }
func (Key) GoString() string             { return redacted }
func (Key) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format is for the verbs that ignore String, such as %d.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// Ref is what a reader needs to know: which object, its key and its plain size.
type Ref struct {
	ID   ID
	Key  Key
	Size int64
}
