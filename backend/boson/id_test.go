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
	Keys []struct{ Name, Seed, ID, Base58 string }
	IDs  []struct {
		Base58, Hex string
	}
	Signatures []struct{ Source, Key, Message, Signature string }
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
	if len(v.Keys) != 6 || len(v.IDs) != 4 || len(v.Signatures) != 9 {
		t.Fatalf("vectors: %d keys, %d ids, %d signatures", len(v.Keys), len(v.IDs), len(v.Signatures))
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
