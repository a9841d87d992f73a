package boson

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestKeyVectors(t *testing.T) {
	v := load(t)
	keys := map[string]Key{}
	for _, k := range v.Keys {
		seed := Seed(unhex(t, k.Seed))
		key := KeyFromSeed(seed)
		keys[k.Name] = key
		if id := key.ID(); hex.EncodeToString(id[:]) != k.ID {
			t.Errorf("%s: Id %x, want %s", k.Name, id[:], k.ID)
		}
		if key.Seed() != seed {
			t.Errorf("%s: the seed changed", k.Name)
		}
	}
	for _, k := range v.Keys[:3] {
		raw := hex.EncodeToString(unhex(t, k.Seed)) + k.ID
		for _, text := range []string{k.Private, "0x" + raw} {
			if key, err := ParseKey(text); err != nil || key.Seed() != keys[k.Name].Seed() {
				t.Errorf("ParseKey(%s…): %v", text[:4], err)
			}
		}
		if got := keys[k.Name].Reveal(); got != k.Private {
			t.Errorf("%s reveals %s", k.Name, got)
		}
		other := v.Keys[3].ID
		for _, text := range []string{
			"", "0x", raw, "0X" + raw, "0x" + raw[2:], "0x" + raw + "00", k.Private[1:], k.Private + "1", k.Base58, strings.Repeat("z", 1<<20),
			"0x" + k.Seed + other, // the public key of another
		} {
			if _, err := ParseKey(text); err != ErrKey {
				t.Errorf("ParseKey(%.20s…): %v", text, err)
			}
		}
	}
	for _, s := range v.Signatures {
		key, message, sig := keys[s.Key], unhex(t, s.Message), unhex(t, s.Signature)
		if got := key.Sign(message); !bytes.Equal(got, sig) {
			t.Errorf("%s: signature %x, want %x", s.Source, got, sig)
		}
		if !Verify(key.ID(), message, sig) {
			t.Errorf("%s: does not verify", s.Source)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	key, other := KeyFromSeed(Seed{1}), KeyFromSeed(Seed{2})
	message := []byte("hello boson")
	sig := key.Sign(message)
	if !Verify(key.ID(), message, sig) {
		t.Fatal("own signature refused")
	}
	for i := range 8 * len(sig) {
		s := bytes.Clone(sig)
		s[i/8] ^= 1 << (i % 8)
		if Verify(key.ID(), message, s) {
			t.Errorf("bit %d flipped, still accepted", i)
		}
	}
	for name, ok := range map[string]bool{
		"other key":     Verify(other.ID(), message, sig),
		"other message": Verify(key.ID(), []byte("hello Boson"), sig),
		"no signature":  Verify(key.ID(), message, nil),
		"63 bytes":      Verify(key.ID(), message, sig[:63]),
		"65 bytes":      Verify(key.ID(), message, append(bytes.Clone(sig), 0)),
		"no point":      Verify(ID{2}, message, sig),
	} {
		if ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

// For the identity point R = key, S = 0 satisfies the equation for every message, in every encoding of it.
func TestVerifySmallOrder(t *testing.T) {
	one := ID{1}
	forged := append(bytes.Clone(one[:]), make([]byte, 32)...)
	message := []byte("anything")
	if !ed25519.Verify(one[:], message, forged) {
		t.Fatal("the test's premise: crypto/ed25519 accepts it")
	}
	unreduced := ID(bytes.Repeat([]byte{0xff}, 32)) // p + 1, the same point
	unreduced[0], unreduced[31] = 0xee, 0x7f
	if !ed25519.Verify(unreduced[:], message, forged) {
		t.Fatal("the test's premise: crypto/ed25519 accepts y ≥ p")
	}
	weakIDs := append(small[:], unreduced)
	for _, id := range weakIDs {
		for _, sign := range []byte{0, 0x80} {
			id[31] |= sign
			if !weak(id) || Verify(id, message, forged) {
				t.Errorf("%x is not refused", id[:])
			}
		}
	}
	for b := byte(0xed); b != 0; b++ { // every y ≥ p
		unreduced[0] = b
		if !weak(unreduced) {
			t.Errorf("y = p + %d is not refused", b-0xed)
		}
	}
	for _, k := range load(t).Keys {
		if weak(ID(unhex(t, k.ID))) {
			t.Errorf("key %s is refused", k.Name)
		}
	}
}

func TestRedacted(t *testing.T) {
	seed := Seed(unhex(t, load(t).Keys[1].Seed))
	key := KeyFromSeed(seed)
	boxed, err := key.Box(KeyFromSeed(Seed{1}).ID())
	if err != nil {
		t.Fatal(err)
	}
	device, pair, exchange := DeviceKeyFromSeed(seed), key.BoxKey(), NewContext(boxed)
	type inner struct {
		key      Key
		device   DeviceKey
		pair     BoxKey
		box      Box
		exchange *Context
	} // unexported: fmt does not ask Key's methods
	in := inner{key, device, pair, boxed, exchange}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "device", device, "pair", pair, "box", boxed, "exchange", exchange)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "seed", seed, "p", &key, "in", in)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", key, "seed", seed, "s", []Seed{seed}, "m", map[string]any{"k": key})
	b, err := json.Marshal(map[string]any{"key": key, "seed": seed, "p": &key, "in": in})
	if err != nil {
		t.Fatal(err)
	}
	log.Write(b)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&log, strings.Repeat(verb+" ", 6)+"\n", device, pair, boxed, exchange, &device, []any{pair, boxed})
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%c", "%U"} {
		fmt.Fprintf(&log, verb+" "+verb+" "+verb+"\n", key, seed, in)
		fmt.Fprintf(&log, verb+" "+verb+" "+verb+"\n", &key, []any{key, seed}, map[string]any{"a": seed})
	}
	fmt.Fprintln(&log, key, seed, key.String(), seed.String())
	out := strings.ToLower(log.String())
	scalar := pair.secret().Bytes()
	dec := strings.Trim(strings.ReplaceAll(fmt.Sprint(seed[:4]), ",", ""), "[]")
	for _, secret := range []string{hex.EncodeToString(seed[:4]), hex.EncodeToString(scalar[:4]), hex.EncodeToString(boxed.shared()[:4]), dec, "0x20, 0x21", strings.ToLower(base64.StdEncoding.EncodeToString(seed[:6])), "100000 100001"} {
		if strings.Contains(out, secret) {
			t.Errorf("%q is in\n%s", secret, out)
		}
	}
	if strings.Count(out, "redacted") < 40 {
		t.Errorf("redacted too rarely:\n%s", out)
	}
}
