package boson

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

type vectors struct {
	Keys []struct{ Name, Seed, ID, Base58, Private, X25519Private, X25519Public string }
	IDs  []struct {
		Base58, Hex string
	}
	Signatures []struct{ Source, Key, Message, Signature string }
	Boxes      []struct{ A, B, Shared, Nonce, Plain, Boxed string }
	Sessions   []struct{ ClientSecret, ClientPublic, ServerSecret, ServerPublic, Shared, Preface string }
	Devices    []struct{ Node, Peer, Seed string }
}

func load(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Keys) != 6 || len(v.IDs) != 4 || len(v.Signatures) != 9 || len(v.Boxes) != 2 || len(v.Sessions) != 1 || len(v.Devices) != 3 {
		t.Fatalf("vectors: %d keys, %d ids, %d signatures, %d boxes, %d sessions, %d devices",
			len(v.Keys), len(v.IDs), len(v.Signatures), len(v.Boxes), len(v.Sessions), len(v.Devices))
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIDVectors(t *testing.T) {
	v := load(t)
	pairs := map[string]string{strings.Repeat("1", 32): strings.Repeat("00", 32)}
	for _, p := range v.IDs {
		pairs[p.Base58] = p.Hex
	}
	for _, k := range v.Keys {
		if k.Base58 != "" {
			pairs[k.Base58] = k.ID
		}
	}
	for text, raw := range pairs {
		want := ID(unhex(t, raw))
		id, err := ParseID(text)
		if err != nil || id != want {
			t.Errorf("ParseID(%s) = %x, %v", text, id[:], err)
		}
		if want.String() != text {
			t.Errorf("%s.String() = %s, want %s", raw, want, text)
		}
		if did := want.DID(); did != "did:boson:"+text {
			t.Errorf("DID %s", did)
		}
		if id, err := ParseDID("did:boson:" + text); err != nil || id != want {
			t.Errorf("ParseDID: %s %v", id, err)
		}
		if want.Hex() != "0x"+raw {
			t.Errorf("Hex %s", want.Hex())
		}
		for _, s := range []string{raw, "0x" + raw, strings.ToUpper(raw)} {
			if id, err := ParseHexID(s); err != nil || id != want {
				t.Errorf("ParseHexID(%s) = %s, %v", s, id, err)
			}
		}
		for _, s := range []string{text, "0x" + raw, "0x" + strings.ToUpper(raw), "did:boson:" + text} {
			if id, err := ParseAnyID(s); err != nil || id != want {
				t.Errorf("ParseAnyID(%s) = %s, %v", s, id, err)
			}
		}
	}
}

func TestParseIDRefuses(t *testing.T) {
	good := load(t).IDs[0].Base58
	for _, s := range []string{
		"", "1", good[2:], good + "1", "1" + good, " " + good, good + "\n", "0x" + strings.Repeat("00", 32), strings.Repeat("00", 32),
		good[:10] + "0" + good[11:], good[:10] + "l" + good[11:], good[:10] + "é" + good[12:], good[:10] + "\x00" + good[11:],
		strings.Repeat("z", 44), strings.Repeat("1", 31), strings.Repeat("1", 33), strings.Repeat("z", 1<<20), "did:boson:" + good,
	} {
		if id, err := ParseID(s); !errors.Is(err, ErrID) || !id.IsZero() {
			t.Errorf("ParseID(%.50q) = %s, %v", s, id, err)
		}
	}
	for _, s := range []string{"", good, "did:boson:", "did:boson", "DID:boson:" + good, "did:boson: " + good, "did:key:" + good, "did:boson:did:boson:" + good} {
		if id, err := ParseDID(s); !errors.Is(err, ErrDID) || !id.IsZero() {
			t.Errorf("ParseDID(%.60q) = %s, %v", s, id, err)
		}
	}
}

func TestParseOtherFormsRefuses(t *testing.T) {
	raw := load(t).IDs[0].Hex
	for _, s := range []string{"", "0x", raw[2:], raw + "00", "0X" + raw, "0x0x" + raw[2:], "0x" + raw[:63] + "g", " " + raw} {
		if id, err := ParseHexID(s); !errors.Is(err, ErrHex) || !id.IsZero() {
			t.Errorf("ParseHexID(%q) = %s, %v", s, id, err)
		}
	}
	for _, s := range []string{"", raw, "0x" + raw[2:], "did:boson:0x" + raw, "DID:boson:" + load(t).IDs[0].Base58} {
		if id, err := ParseAnyID(s); err == nil || !id.IsZero() {
			t.Errorf("ParseAnyID(%q) = %s, %v", s, id, err)
		}
	}
}

func TestDistance(t *testing.T) {
	a := ID(unhex(t, "00000000f528d6132c15787ed16f09b08a4e7de7e2c5d3838974711032cb7076"))
	b := ID(unhex(t, "00000000f0a8d6132c15787ed16f09b08a4e7de7e2c5d3838974711032cb7076"))
	d := a.Distance(b)
	if want := "0x0000000005800000000000000000000000000000000000000000000000000000"; d.Hex() != want || b.Distance(a) != d {
		t.Errorf("distance %s", d.Hex())
	}
	if d.Bits() != 256-37 || (ID{}).Bits() != 0 || (ID{31: 1}).Bits() != 1 || (ID{0x80}).Bits() != 256 {
		t.Errorf("bits %d", d.Bits())
	}
	if a.Compare(b) != 1 || b.Compare(a) != -1 || a.Compare(a) != 0 || (ID{1}).Compare(ID{31: 0xff}) != 1 {
		t.Error("order")
	}
}

func TestIDJSON(t *testing.T) {
	id := ID(unhex(t, load(t).IDs[0].Hex))
	b, err := json.Marshal(map[ID]ID{id: id})
	if err != nil || string(b) != `{"`+id.String()+`":"`+id.String()+`"}` {
		t.Fatalf("%s %v", b, err)
	}
	var back map[ID]ID
	if err := json.Unmarshal(b, &back); err != nil || back[id] != id {
		t.Fatalf("%v %v", back, err)
	}
	var one ID
	if err := json.Unmarshal([]byte(`"x"`), &one); err == nil {
		t.Error("accepted a wrong Id")
	}
}

// Equal Ids have equal texts: what parses prints as it was.
func FuzzParseID(f *testing.F) {
	for _, p := range load(f).IDs {
		f.Add(p.Base58)
	}
	f.Add(strings.Repeat("1", 32))
	f.Add("1111" + strings.Repeat("z", 40))
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			return
		}
		if id.String() != s {
			t.Errorf("%q prints as %s", s, id)
		}
	})
}

func FuzzIDText(f *testing.F) {
	f.Add(bytes.Repeat([]byte{0xff}, 32))
	f.Add(make([]byte, 32))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 32 {
			return
		}
		if back, err := ParseID(ID(b).String()); err != nil || back != ID(b) {
			t.Errorf("%x came back as %x, %v", b, back[:], err)
		}
	})
}
