package boson

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
)

func keysByName(t testing.TB, v vectors) map[string]Key {
	keys := map[string]Key{}
	for _, k := range v.Keys {
		keys[k.Name] = KeyFromSeed(Seed(unhex(t, k.Seed)))
	}
	return keys
}

func TestX25519Vectors(t *testing.T) {
	v := load(t)
	keys := keysByName(t, v)
	for _, k := range v.Keys[:3] {
		pair := keys[k.Name].BoxKey()
		if got := hex.EncodeToString(pair.secret().Bytes()); got != k.X25519Private {
			t.Errorf("%s: private %s", k.Name, got)
		}
		public, err := keys[k.Name].ID().BoxPublic()
		if err != nil || hex.EncodeToString(public[:]) != k.X25519Public || pair.Public() != public {
			t.Errorf("%s: public %x, %v", k.Name, public, err)
		}
	}
	for _, s := range v.Sessions {
		client, server := BoxKeyFromSecret([32]byte(unhex(t, s.ClientSecret))), BoxKeyFromSecret([32]byte(unhex(t, s.ServerSecret)))
		c, d := client.Public(), server.Public()
		if hex.EncodeToString(c[:]) != s.ClientPublic || hex.EncodeToString(d[:]) != s.ServerPublic {
			t.Errorf("session keys %x %x", c, d)
		}
		for _, side := range []struct {
			key BoxKey
			pub BoxPublic
		}{{client, d}, {server, c}} {
			b, err := side.key.Box(side.pub)
			if err != nil || hex.EncodeToString(b.shared()[:]) != s.Shared {
				t.Fatalf("session box: %v", err)
			}
			if key := b.Derive("pc2 gateway preface"); hex.EncodeToString(key[:]) != s.Preface {
				t.Errorf("preface key %x", key)
			}
		}
	}
}

func TestBoxVectors(t *testing.T) {
	v := load(t)
	keys := keysByName(t, v)
	for _, x := range v.Boxes {
		nonce, plain, boxed := Nonce(unhex(t, x.Nonce)), unhex(t, x.Plain), unhex(t, x.Boxed)
		for _, side := range [][2]string{{x.A, x.B}, {x.B, x.A}} {
			b, err := keys[side[0]].Box(keys[side[1]].ID())
			if err != nil || hex.EncodeToString(b.shared()[:]) != x.Shared {
				t.Fatalf("box of %s: %v", side, err)
			}
			if got := b.Seal([]byte("x"), plain, &nonce); !bytes.Equal(got[1:], boxed) || got[0] != 'x' {
				t.Errorf("sealed %x", got)
			}
			if got, err := b.Open([]byte("x"), boxed, &nonce); err != nil || !bytes.Equal(got[1:], plain) || got[0] != 'x' {
				t.Errorf("opened %x, %v", got, err)
			}
			for i := range boxed {
				bad := bytes.Clone(boxed)
				bad[i] ^= 1
				if got, err := b.Open(nil, bad, &nonce); !errors.Is(err, ErrOpen) || got != nil {
					t.Fatalf("byte %d changed: %x, %v", i, got, err)
				}
			}
			for n := range BoxOverhead + 1 {
				if _, err := b.Open(nil, boxed[:n], &nonce); !errors.Is(err, ErrOpen) {
					t.Errorf("%d bytes: %v", n, err)
				}
			}
			wrong := nonce
			wrong[23] ^= 1
			if _, err := b.Open(nil, boxed, &wrong); !errors.Is(err, ErrOpen) {
				t.Error("opens with another nonce")
			}
		}
	}
}

func TestBoxRefusesBadKeys(t *testing.T) {
	key := KeyFromSeed(Seed{1})
	bad := map[string]ID{"no point": {2}, "order 1": {1}, "zero": {}, "y ≥ p": ID(bytes.Repeat([]byte{0xff}, 32))}
	for name, id := range bad {
		if _, err := id.BoxPublic(); !errors.Is(err, ErrPoint) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := key.Box(id); !errors.Is(err, ErrPoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, low := range []BoxPublic{{}, {1}, BoxPublic(unhex(t, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))} {
		if _, err := NewBoxKey().Box(low); !errors.Is(err, ErrPoint) {
			t.Errorf("%x: %v", low, err)
		}
	}
}

func TestDeviceVectors(t *testing.T) {
	v := load(t)
	keys := keysByName(t, v)
	for _, d := range v.Devices {
		device := keys[d.Node].RelayDevice(keys[d.Peer].ID())
		want := KeyFromSeed(Seed(unhex(t, d.Seed)))
		if device.ID() != want.ID() || DeviceKeyFromSeed(want.Seed()).ID() != want.ID() {
			t.Errorf("%s at %s: %s", d.Node, d.Peer, device.ID())
		}
		challenge := []byte("pc2-name-v1\n{}")
		if sig := device.SignChallenge(challenge); !Verify(device.ID(), challenge, sig) || Verify(keys[d.Node].ID(), challenge, sig) {
			t.Error("a challenge is signed by the device and nobody else")
		}
		a, err1 := device.Box(keys[d.Peer].ID())
		b, err2 := keys[d.Peer].Box(device.ID())
		if err1 != nil || err2 != nil || *a.shared() != *b.shared() {
			t.Errorf("the two sides differ: %v %v", err1, err2)
		}
	}
}

func contexts(t testing.TB) (a, b *Context) {
	one, two := NewBoxKey(), NewBoxKey()
	x, err := one.Box(two.Public())
	if err != nil {
		t.Fatal(err)
	}
	y, err := two.Box(one.Public())
	if err != nil {
		t.Fatal(err)
	}
	return NewContext(x), NewContext(y)
}

func TestContext(t *testing.T) {
	a, b := contexts(t)
	one, two := a.Seal(nil, []byte("one")), a.Seal([]byte("head"), []byte("two"))[4:]
	next := Nonce(one)
	next.increment()
	if Nonce(two) != next {
		t.Errorf("nonces %x, %x", one[:NonceSize], two[:NonceSize])
	}
	open := func(message []byte, want string, wantErr error) {
		t.Helper()
		if got, err := b.Open(nil, message); string(got) != want || !errors.Is(err, wantErr) {
			t.Errorf("%q, %v", got, err)
		}
	}
	open(one, "one", nil)
	open(one, "", ErrRepeated)
	open(two, "two", nil)
	open(one, "one", nil) // only the one before is remembered
	forged := append(bytes.Clone(two[:NonceSize]), make([]byte, 40)...)
	open(forged, "", ErrOpen)
	open(two, "two", nil) // a message that does not open leaves no mark
	for n := range ContextOverhead + 1 {
		open(two[:n], "", ErrOpen)
	}
	open(a.Seal(nil, nil), "", ErrOpen)
	back := b.Seal(nil, []byte("back"))
	if got, err := a.Open(nil, back); string(got) != "back" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNonceCarries(t *testing.T) {
	n := Nonce{0xff, 0xff, 3}
	n.increment()
	if n != (Nonce{0, 0, 4}) {
		t.Errorf("%x", n)
	}
	n = Nonce(bytes.Repeat([]byte{0xff}, NonceSize))
	n.increment()
	if n != (Nonce{}) {
		t.Errorf("%x", n)
	}
}

// Many goroutines seal and open with one Context: no nonce comes twice.
func TestContextShared(t *testing.T) {
	a, b := contexts(t)
	var mu sync.Mutex
	seen := map[Nonce]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				m := a.Seal(nil, []byte("x"))
				if _, err := b.Open(nil, m); err != nil {
					t.Error(err)
				}
				mu.Lock()
				if seen[Nonce(m)] {
					t.Error("a nonce came twice")
				}
				seen[Nonce(m)] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestContextAllocates(t *testing.T) {
	a, b := contexts(t)
	plain, message, out := make([]byte, 1000), make([]byte, 0, 2000), make([]byte, 0, 2000)
	if n := testing.AllocsPerRun(100, func() {
		m := a.Seal(message, plain)
		if _, err := b.Open(out, m); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(load(f).Keys[0].Private)
	f.Add("0x" + strings.Repeat("00", 64))
	f.Fuzz(func(t *testing.T, s string) {
		key, err := ParseKey(s)
		if err != nil {
			return
		}
		if again, err := ParseKey(key.Reveal()); err != nil || again.ID() != key.ID() {
			t.Errorf("%q does not come back", s)
		}
	})
}

func FuzzContextOpen(f *testing.F) {
	_, b := contexts(f)
	f.Add(make([]byte, 41))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		if _, err := b.Open(nil, message); err == nil {
			t.Errorf("%x opens", message)
		}
	})
}

func FuzzBoxPublic(f *testing.F) {
	f.Add(bytes.Repeat([]byte{1}, 32))
	id := KeyFromSeed(Seed{1}).ID()
	f.Add(id[:])
	key := KeyFromSeed(Seed{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 32 {
			return
		}
		_, err := ID(b).BoxPublic()
		_, err2 := key.Box(ID(b))
		if (err == nil) != (err2 == nil) {
			t.Errorf("%x: %v, %v", b, err, err2)
		}
	})
}
