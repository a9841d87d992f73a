package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pc2/backend/fault"
	"pc2/backend/store"
)

// A slot that a later program added, such as one in a security chip, is kept as it is.
func TestUnknownSlot(t *testing.T) {
	chip := `{"kind":"chip","handle":"PC2","nested":{"a":[1,2]}}`
	var m map[string]any
	if err := json.Unmarshal(read(t, "testdata/golden/"+formatFile), &m); err != nil {
		t.Fatal(err)
	}
	m["keyslots"] = append([]any{json.RawMessage(chip)}, m["keyslots"].([]any)...)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseFormat(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.put(slot{Kind: kindLocal}, [32]byte{1}, DataKey{2}); err != nil {
		t.Fatal(err)
	}
	b, err = f.encode()
	if err != nil {
		t.Fatal(err)
	}
	if f, err = parseFormat(b); err != nil {
		t.Fatal(err)
	}
	if len(f.Keyslots) != 3 || string(compact(f.Keyslots[0])) != chip {
		t.Errorf("slots: %s", f.Keyslots)
	}
	got, err := f.open(kindLocal, func(slot) [32]byte { return [32]byte{1} })
	if err != nil || got != (DataKey{2}) {
		t.Errorf("the new slot: %v", err)
	}
	if _, err := f.open("chip", func(slot) [32]byte { return [32]byte{} }); err == nil {
		t.Error("the unknown slot was opened")
	}
}

// A slot opens under its own kind and store id only.
func TestSlotIsBound(t *testing.T) {
	key, data := [32]byte{1}, DataKey{2}
	f := &format{StoreID: strings.Repeat("0a", 16)}
	if err := f.put(slot{Kind: kindLocal}, key, data); err != nil {
		t.Fatal(err)
	}
	open := func(f *format, kind string, key [32]byte) error {
		_, err := f.open(kind, func(slot) [32]byte { return key })
		return err
	}
	if err := open(f, kindLocal, key); err != nil {
		t.Fatal(err)
	}
	if err := open(f, kindLocal, [32]byte{3}); !errors.Is(err, errSeal) {
		t.Errorf("other key: %v", err)
	}
	if err := open(f, kindPhrase, key); !errors.Is(err, errNoSlot) {
		t.Errorf("no such slot: %v", err)
	}
	f.StoreID = strings.Repeat("0b", 16)
	if err := open(f, kindLocal, key); !errors.Is(err, errSeal) {
		t.Errorf("other store: %v", err)
	}
	f.StoreID = strings.Repeat("0a", 16)
	f.Keyslots[0] = bytes.Replace(f.Keyslots[0], []byte(kindLocal), []byte(kindPhrase), 1)
	if err := open(f, kindPhrase, key); !errors.Is(err, errSeal) {
		t.Errorf("other kind: %v", err)
	}
}

func FuzzFormat(f *testing.F) {
	golden := read(f, "testdata/golden/"+formatFile)
	f.Add(golden)
	f.Add(bytes.Replace(golden, []byte(`"format": 1`), []byte(`"format": 2`), 1))
	f.Add(bytes.Replace(golden, []byte(`"local-file"`), []byte(`"keychain"`), 1))
	f.Add([]byte(`{"format":1,"created":"2026-11-24T21:00:00Z","store_id":"00000000000000000000000000000000","keyslots":[{"kind":"x"}]}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseFormat(b)
		if err != nil {
			if p != nil || !errors.Is(err, ErrRefused) && !errors.Is(err, store.ErrTooNew) || fault.As(err).Fields["file"] != formatFile {
				t.Errorf("%v", err)
			}
			return
		}
		_, _ = p.open(kindLocal, func(slot) [32]byte { return [32]byte{} })
		_, _ = p.open(kindKeychain, func(slot) [32]byte { return [32]byte{} })
		_, _ = p.open(kindPhrase, func(s slot) [32]byte { return [32]byte(s.Salt) })
		if err := p.put(slot{Kind: kindLocal}, [32]byte{1}, DataKey{2}); err != nil {
			t.Fatal(err)
		}
		again, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		q, err := parseFormat(again)
		if len(p.Keyslots) > maxSlots {
			return // put added one to a full file
		}
		if err != nil {
			t.Fatalf("%s does not read back: %v", again, err)
		}
		if key, err := q.open(kindLocal, func(slot) [32]byte { return [32]byte{1} }); err != nil || key != (DataKey{2}) {
			t.Errorf("the slot put there: %v", err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(read(f, "testdata/golden/"+recordFile))
	f.Add([]byte(`{"nodeId":"11111111111111111111111111111111","did":"did:boson:11111111111111111111111111111111"}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			if r != nil || !errors.Is(err, ErrRefused) || fault.As(err).Fields["file"] != recordFile {
				t.Errorf("%v", err)
			}
			return
		}
		if _, _, err := r.open(DataKey{1}, strings.Repeat("00", 16)); err == nil {
			t.Error("opened under a guessed key")
		}
		again, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseRecord(again); err != nil {
			t.Errorf("%s does not read back: %v", again, err)
		}
	})
}

func FuzzLocalKey(f *testing.F) {
	f.Add([]byte(strings.Repeat("0f", 32)))
	f.Add([]byte(strings.Repeat("0F", 32) + "\r\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := parseLocalKey(b)
		if err != nil {
			if key != [32]byte{} {
				t.Error("a key beside an error")
			}
			return
		}
		if text := string(encodeLocalKey(key)); !strings.EqualFold(text, strings.TrimRight(string(b), "\r\n")) {
			t.Errorf("%q became %q", b, text)
		}
	})
}
