package names

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/gowebpki/jcs"

	"pc2/backend/boson"
	"pc2/backend/fault"
)

// Op is what a claim does.
type Op string

const (
	Register Op = "register" // take the name, or change the device behind it
	Release  Op = "release"  // give it up
)

// Claim is a signed statement about a name. It comes from Sign or ParseClaim, so
// one that exists has held its signature.
type Claim struct {
	Op        Op
	Name      Name
	Node      boson.ID // whose key signed
	Device    boson.ID // the relay device that speaks for the node
	SuperNode boson.ID // the one that is addressed
	Seq       int64    // ms, above that of the claim before
	Time      time.Time

	raw []byte // canonical JSON, signature included
}

const (
	preface  = "pc2-name-v1\n"
	maxClaim = 8 << 10
	// maxExact is the largest integer that JSON carries exactly everywhere.
	maxExact = 1<<53 - 1
)

// ErrSignature: the claim is not signed by the key that it names.
var ErrSignature = fault.New(fault.Unauthenticated, "signature_invalid", "The claim is not signed by the key that it names.")

func badClaim(key, why string) error {
	return fault.New(fault.Invalid, "field_invalid", "The claim's field "+key+" "+why+".").With("key", key)
}

type wire struct {
	Op        string `json:"op"`
	Username  string `json:"username"`
	NodeID    string `json:"nodeId"`
	DeviceID  string `json:"deviceId"`
	SuperNode string `json:"superNode"`
	Seq       int64  `json:"seq"`
	Timestamp int64  `json:"timestamp"`
	Signature string `json:"signature,omitempty"` // Base64, standard with padding
}

// Sign makes c a claim of key's node.
func Sign(key boson.Key, c Claim) (Claim, error) {
	c.Node = key.ID()
	w := wire{
		Op: string(c.Op), Username: c.Name.String(), NodeID: c.Node.String(), DeviceID: c.Device.String(), SuperNode: c.SuperNode.String(),
		Seq: c.Seq, Timestamp: c.Time.UnixMilli(),
	}
	b, err := json.Marshal(w)
	if err != nil {
		return Claim{}, err
	}
	text, err := jcs.Transform(b)
	if err != nil {
		return Claim{}, fmt.Errorf("canonical form: %w", err)
	}
	w.Signature = base64.StdEncoding.EncodeToString(key.Sign(append([]byte(preface), text...)))
	if b, err = json.Marshal(w); err != nil {
		return Claim{}, err
	}
	return ParseClaim(b)
}

// JSON is the claim as POST /api/register takes it and GET /api/lookup shows it.
func (c Claim) JSON() json.RawMessage { return bytes.Clone(c.raw) }

// ParseClaim reads and verifies a claim.
func ParseClaim(b []byte) (Claim, error) {
	fields, sig, text, err := signed(b)
	if err != nil {
		return Claim{}, err
	}
	var c Claim
	if err := c.read(fields); err != nil {
		return Claim{}, err
	}
	if !boson.Verify(c.Node, append([]byte(preface), text...), sig) {
		return Claim{}, ErrSignature
	}
	c.raw, err = canonical(fields)
	return c, err
}

// signed takes a JSON object apart: fields, signature, and what the signature
// covers, which is not verified yet.
func signed(b []byte) (fields map[string]json.RawMessage, sig, text []byte, err error) {
	if len(b) > maxClaim {
		return nil, nil, nil, fault.New(fault.TooLarge, "too_large", "A claim has at most 8 KiB.")
	}
	if fields, err = object(b); err != nil {
		return nil, nil, nil, fault.New(fault.Invalid, "client_bad_json", "The claim is not a JSON object.").Because(err)
	}
	if sig, err = signature(fields); err != nil {
		return nil, nil, nil, err
	}
	rest := maps.Clone(fields)
	delete(rest, "signature")
	if text, err = canonical(rest); err != nil {
		return nil, nil, nil, fault.New(fault.Invalid, "client_bad_json", "The claim has no canonical form.").Because(err)
	}
	return fields, sig, text, nil
}

// object reads one object whose keys are all different: a second value for a key
// could say one thing to who verifies and another to who reads.
func object(b []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(err, errors.New("no object"))
	}
	out := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, ok := t.(string)
		if _, twice := out[key]; !ok || twice {
			return nil, fmt.Errorf("key %q", key)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		out[key] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows")
	}
	return out, nil
}

func canonical(fields map[string]json.RawMessage) ([]byte, error) {
	b, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(b)
}

func (c *Claim) read(fields map[string]json.RawMessage) (err error) {
	f := reader{fields: fields}
	c.Op = Op(f.text("op"))
	if f.err == nil && c.Op != Register && c.Op != Release {
		f.err = badClaim("op", "is neither register nor release")
	}
	name := f.text("username")
	if f.err == nil {
		c.Name, f.err = Parse(name)
	}
	c.Node, c.Device, c.SuperNode = f.id("nodeId"), f.id("deviceId"), f.id("superNode")
	c.Seq = f.number("seq")
	c.Time = time.UnixMilli(f.number("timestamp"))
	return f.err
}

// reader reads fields until one is not as it should be.
type reader struct {
	fields map[string]json.RawMessage
	err    error
}

func (f *reader) text(key string) (s string) {
	if f.err == nil && json.Unmarshal(f.fields[key], &s) != nil {
		f.err = badClaim(key, "is not a text")
	}
	return s
}

func (f *reader) number(key string) (n int64) {
	if f.err == nil && (json.Unmarshal(f.fields[key], &n) != nil || n < 1 || n > maxExact) {
		f.err = badClaim(key, "is not a whole number above 0")
	}
	return n
}

func (f *reader) id(key string) (id boson.ID) {
	s := f.text(key)
	if f.err != nil {
		return id
	}
	id, err := boson.ParseID(s)
	if err != nil {
		f.err = badClaim(key, "is not an ID")
	}
	return id
}

// signature reads 64 bytes in Base64 or hex.
func signature(fields map[string]json.RawMessage) ([]byte, error) {
	var s string
	if json.Unmarshal(fields["signature"], &s) != nil || len(s) > 200 {
		return nil, ErrSignature
	}
	for _, decode := range []func(string) ([]byte, error){base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString, hex.DecodeString} {
		if b, err := decode(s); err == nil && len(b) == 64 {
			return b, nil
		}
	}
	return nil, ErrSignature
}
