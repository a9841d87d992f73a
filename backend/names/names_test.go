package names

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/boson"
	"pc2/backend/fault"
	"pc2/backend/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A JSON log must not write {} for a name.
func TestNameInJSON(t *testing.T) {
	n, err := Parse("alice")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "name", n)
	if !strings.Contains(log.String(), `"name":"alice"`) {
		t.Fatal(log.String())
	}
}

func TestParse(t *testing.T) {
	for s, want := range map[string]string{
		"alice": "alice", "Alice": "alice", "a1b": "a1b", "a-b": "a-b", "a-b-c": "a-b-c", "123": "123", strings.Repeat("a", 30): strings.Repeat("a", 30),
		"": "", "ab": "", "-ab": "", "ab-": "", "a--b": "", "a_b": "", "a.b": "", "a b": "", "ällo": "", strings.Repeat("a", 31): "", strings.Repeat("A", 1<<20): "",
		"admin": "", "WWW": "", "ns1": "", "localhost": "", "_acme-challenge": "", "status": "", "a\x00b": "", "K\u212Aa": "",
	} {
		n, err := Parse(s)
		if (err == nil) != (want != "") || n.String() != want {
			t.Errorf("%.20q: %q, %v", s, n, err)
		}
		if err != nil && fault.CodeOf(err) != "name_invalid" {
			t.Errorf("%.20q: code %s", s, fault.CodeOf(err))
		}
	}
}

// keys of the story: made from fixed seeds, so that failures repeat.
func key(n byte) boson.Key { return boson.KeyFromSeed([32]byte{n, 0x70, 0x63, 0x32}) }

type scene struct {
	*Registry
	t   *testing.T
	now time.Time
	db  *store.DB
}

func newScene(t *testing.T) *scene {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "names.db"), Schema: Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &scene{t: t, now: time.UnixMilli(1_800_000_000_000), db: db}
	s.Registry = NewRegistry(Config{Store: NewSQLite(db), Self: key(100).ID(), Now: func() time.Time { return s.now }})
	return s
}

func mustName(t *testing.T, s string) Name {
	t.Helper()
	n, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// claim is a valid one; more changes it before it is signed.
func (s *scene) claim(k boson.Key, name string, op Op, more ...func(*Claim)) []byte {
	s.t.Helper()
	c := Claim{Op: op, Name: mustName(s.t, name), Device: key(200).ID(), SuperNode: key(100).ID(), Seq: s.now.UnixMilli(), Time: s.now}
	for _, f := range more {
		f(&c)
	}
	c, err := Sign(k, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.JSON()
}

func (s *scene) apply(claim []byte, wantCode string, from ...string) Record {
	s.t.Helper()
	addr := "203.0.113.7"
	if len(from) > 0 {
		addr = from[0]
	}
	r, err := s.Apply(s.t.Context(), claim, netip.MustParseAddr(addr))
	if (err == nil) != (wantCode == "") || err != nil && fault.CodeOf(err) != wantCode {
		s.t.Fatalf("got %v, want %q", err, wantCode)
	}
	return r
}

func TestStory(t *testing.T) {
	s := newScene(t)
	alice, bob := key(1), key(2)
	first := s.claim(alice, "alice", Register)
	r := s.apply(first, "")
	if r.Node != alice.ID() || r.Device != key(200).ID() {
		t.Fatal(r)
	}
	got, err := s.Lookup(t.Context(), mustName(t, "ALICE"))
	if err != nil || got.Node != alice.ID() || !bytes.Equal(got.Claim, first) {
		t.Fatal(got, err)
	}
	if c, err := ParseClaim(got.Claim); err != nil || c.Node != alice.ID() {
		t.Fatal("the kept claim does not verify:", err)
	}
	s.apply(first, "seq_stale") // played again
	s.apply(s.claim(bob, "alice", Register), "name_taken")
	s.apply(s.claim(bob, "alice", Release), "name_taken")
	s.now = s.now.Add(time.Second)
	s.apply(s.claim(alice, "alice", Register, func(c *Claim) { c.Device = key(201).ID() }), "")
	for d, want := range map[byte]bool{200: false, 201: true} {
		if ok, err := s.Admits(t.Context(), key(d).ID()); err != nil || ok != want {
			t.Errorf("device %d: %v, %v", d, ok, err)
		}
	}
	s.now = s.now.Add(time.Second)
	second := s.claim(alice, "alice", Register)
	s.now = s.now.Add(time.Second)
	s.apply(s.claim(alice, "alice", Release), "")
	if ok, err := s.Available(t.Context(), mustName(t, "alice")); err != nil || !ok {
		t.Fatal(ok, err)
	}
	s.apply(second, "seq_stale") // a claim from before the release
	s.apply(s.claim(alice, "alice", Release, func(c *Claim) { c.Seq++ }), "not_found")
	s.apply(s.claim(bob, "alice", Register), "")
	s.apply(s.claim(alice, "alice", Register, func(c *Claim) { c.Seq += 5 }), "name_taken")
	s.now = s.now.Add(freeAfter + time.Hour)
	s.apply(s.claim(alice, "alice", Register), "")
	if n, err := s.Count(t.Context()); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}

func TestRefused(t *testing.T) {
	s := newScene(t)
	alice := key(1)
	good := s.claim(alice, "alice", Register)
	change := func(f func(map[string]any)) []byte {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		f(m)
		b, _ := json.Marshal(m)
		return b
	}
	set := func(k string, v any) []byte { return change(func(m map[string]any) { m[k] = v }) }
	for name, c := range map[string]struct {
		claim []byte
		code  string
	}{
		"another name":        {set("username", "mallory"), "signature_invalid"},
		"another device":      {set("deviceId", key(9).ID().String()), "signature_invalid"},
		"another node":        {set("nodeId", key(9).ID().String()), "signature_invalid"},
		"an added field":      {set("endpoint", "http://evil"), "signature_invalid"},
		"no signature":        {change(func(m map[string]any) { delete(m, "signature") }), "signature_invalid"},
		"a short signature":   {set("signature", "AAAA"), "signature_invalid"},
		"a zero signature":    {set("signature", base64.StdEncoding.EncodeToString(make([]byte, 64))), "signature_invalid"},
		"a reserved name":     {set("username", "admin"), "name_invalid"},
		"no name":             {set("username", 5), "field_invalid"},
		"no id":               {set("nodeId", "0OIl"), "field_invalid"},
		"a text as seq":       {set("seq", "1"), "field_invalid"},
		"a fraction as seq":   {set("seq", 1.5), "field_invalid"},
		"a huge seq":          {set("seq", 1e300), "field_invalid"},
		"a strange op":        {set("op", "steal"), "field_invalid"},
		"no JSON":             {[]byte("{"), "client_bad_json"},
		"an array":            {[]byte("[]"), "client_bad_json"},
		"a key twice":         {append([]byte(`{"op":"release",`), good[1:]...), "client_bad_json"},
		"something after":     {append(bytes.Clone(good), '1'), "client_bad_json"},
		"too long":            {append(bytes.Clone(good), bytes.Repeat([]byte(" "), maxClaim)...), "too_large"},
		"another super node":  {s.claim(alice, "alice", Register, func(c *Claim) { c.SuperNode = key(101).ID() }), "signature_invalid"},
		"an old clock":        {s.claim(alice, "alice", Register, func(c *Claim) { c.Time = s.now.Add(-6 * time.Minute) }), "clock_skew"},
		"a clock ahead":       {s.claim(alice, "alice", Register, func(c *Claim) { c.Time = s.now.Add(6 * time.Minute) }), "clock_skew"},
		"a seq of the future": {s.claim(alice, "alice", Register, func(c *Claim) { c.Seq = s.now.Add(time.Hour).UnixMilli() }), "clock_skew"},
		"release of nothing":  {s.claim(alice, "alice", Release), "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.apply(c.claim, c.code)
		})
	}
	s.t = t
	s.apply(good, "")
}

// What a client adds is signed too, kept, and of no effect.
func TestExtraFieldsAreSigned(t *testing.T) {
	s := newScene(t)
	var m map[string]json.RawMessage
	if err := json.Unmarshal(s.claim(key(1), "alice", Register), &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "signature")
	m["endpoint"] = json.RawMessage(`"http://198.51.100.1:4200"`)
	text, err := canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	m["signature"], _ = json.Marshal(key(1).Sign(append([]byte(preface), text...)))
	b, _ := json.Marshal(m)
	if r := s.apply(b, ""); !bytes.Contains(r.Claim, []byte("198.51.100.1")) {
		t.Fatal("the claim was changed")
	}
}

func TestTwoAtOnce(t *testing.T) {
	s := newScene(t)
	claims := make([][]byte, 8)
	for i := range claims {
		claims[i] = s.claim(key(byte(i+1)), "alice", Register)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for _, c := range claims {
		wg.Go(func() {
			_, err := s.Apply(t.Context(), c, netip.MustParseAddr("203.0.113.7"))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if fault.CodeOf(err) != "name_taken" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Fatalf("%d have the name", won)
	}
}

func TestLimits(t *testing.T) {
	s := newScene(t)
	for i := range perKey {
		s.apply(s.claim(key(1), fmt.Sprintf("one-%d", i), Register), "")
	}
	s.apply(s.claim(key(1), "one-more", Register), "name_limit")
	s.now = s.now.Add(time.Second)
	s.apply(s.claim(key(1), "one-0", Release), "")
	s.apply(s.claim(key(1), "one-more", Register), "")

	for i := range perPrefix {
		s.apply(s.claim(key(byte(10+i)), fmt.Sprintf("n-%d", i), Register), "", fmt.Sprintf("2001:db8:0:%x::1", i))
	}
	s.apply(s.claim(key(60), "too-many", Register), "name_limit", "2001:db8:0:ff::1")
	s.apply(s.claim(key(60), "too-many", Register), "", "2001:db8:1::1")
}

func FuzzClaim(f *testing.F) {
	c, err := Sign(key(1), Claim{Op: Register, Name: Name{"alice"}, Device: key(2).ID(), SuperNode: key(3).ID(), Seq: 5, Time: time.UnixMilli(7)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(c.JSON()))
	f.Add([]byte(`{"op":"register","username":"alice","seq":1e2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseClaim(b)
		if err != nil {
			return
		}
		again, err := ParseClaim(c.JSON())
		if err != nil || again.Name != c.Name || again.Node != c.Node || again.Seq != c.Seq {
			t.Fatalf("a claim does not survive its own form: %v", err)
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("alice")
	f.Add("A-1")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := Parse(s); err == nil {
			if again, err := Parse(n.String()); err != nil || again != n {
				t.Fatalf("%q: %v", s, err)
			}
		}
	})
}
