//go:build linux

package supernode

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"pc2/backend/boson"
	"pc2/backend/names"
)

// serve runs a super node until the test ends.
func serve(t *testing.T) *SuperNode {
	t.Helper()
	s := open(t, local(t.TempDir()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// register sends a claim from an address of this PC, of which each may send five a minute.
func (s *SuperNode) register(t *testing.T, from string, claim []byte) (code int, fault string) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext}
	res, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Post("http://"+s.Ready().HTTPAddr+"/api/register", "application/json", bytes.NewReader(claim))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	var f struct{ Code string }
	if err != nil || json.Unmarshal(b, &f) != nil {
		t.Errorf("%s: %v", b, err)
	}
	return res.StatusCode, f.Code
}

func (s *SuperNode) claim(t *testing.T, key boson.Key, name string, change func(*names.Claim)) []byte {
	t.Helper()
	n, err := names.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	c := names.Claim{Op: names.Register, Name: n, Device: key.RelayDevice(s.ID()).ID(), SuperNode: s.ID(), Seq: time.Now().UnixMilli(), Time: time.Now()}
	if change != nil {
		change(&c)
	}
	c, err = names.Sign(key, c)
	if err != nil {
		t.Fatal(err)
	}
	return c.JSON()
}

// A name goes to who proves the key, once, here and now, and to nobody else.
func TestClaims(t *testing.T) {
	s := serve(t)
	alice, mallory := boson.KeyFromSeed(boson.Seed{1}), boson.KeyFromSeed(boson.Seed{2})
	first := s.claim(t, alice, "alice", nil)
	if code, fault := s.register(t, "127.0.0.1", first); code != 200 {
		t.Fatal(code, fault)
	}
	ids := func(claim []byte, from, to boson.ID) []byte {
		return bytes.ReplaceAll(claim, []byte(from.String()), []byte(to.String()))
	}
	for i, x := range []struct {
		what  string
		claim []byte
		code  int
		fault string
	}{
		{"played again", first, 409, "seq_stale"},
		{"an older seq", s.claim(t, alice, "alice", func(c *names.Claim) { c.Seq -= 60_000 }), 409, "seq_stale"},
		{"another's key", s.claim(t, mallory, "alice", nil), 409, "name_taken"},
		{"another's key under her ID", ids(s.claim(t, mallory, "alice", nil), mallory.ID(), alice.ID()), 401, "signature_invalid"},
		{"her claim under another ID", ids(first, alice.ID(), mallory.ID()), 401, "signature_invalid"},
		{"her claim for another device", ids(first, alice.RelayDevice(s.ID()).ID(), mallory.ID()), 401, "signature_invalid"},
		{"for another super node", s.claim(t, alice, "alice", func(c *names.Claim) { c.SuperNode = mallory.ID() }), 401, "signature_invalid"},
		{"of another super node, turned here", ids(s.claim(t, alice, "alice", func(c *names.Claim) { c.SuperNode = mallory.ID() }), mallory.ID(), s.ID()), 401, "signature_invalid"},
		{"of yesterday", s.claim(t, alice, "alice", func(c *names.Claim) { c.Time = c.Time.AddDate(0, 0, -1) }), 401, "clock_skew"},
		{"a seq of next year", s.claim(t, alice, "alice", func(c *names.Claim) { c.Seq = time.Now().AddDate(1, 0, 0).UnixMilli() }), 401, "clock_skew"},
		{"another's release", s.claim(t, mallory, "alice", func(c *names.Claim) { c.Op = names.Release }), 409, "name_taken"},
		{"two names in one", bytes.Replace(first, []byte(`"username"`), []byte(`"username":"bob","username"`), 1), 400, "client_bad_json"},
	} {
		if code, fault := s.register(t, fmt.Sprintf("127.0.4.%d", i+1), x.claim); code != x.code || fault != x.fault {
			t.Errorf("%s: %d %s", x.what, code, fault)
		}
	}
	rec, err := s.registry.Lookup(t.Context(), parse(t, "alice"))
	if err != nil || rec.Node != alice.ID() || !bytes.Equal(rec.Claim, first) {
		t.Errorf("%+v %v", rec, err)
	}
}

func parse(t *testing.T, s string) names.Name {
	t.Helper()
	n, err := names.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Of many who claim one name at once, exactly one has it, and all agree who.
func TestOneNameAtOnce(t *testing.T) {
	s := serve(t)
	for round := range 3 {
		name := fmt.Sprintf("name-%d", round)
		var all sync.WaitGroup
		var mu sync.Mutex
		var won []boson.ID
		for i := range 10 {
			key := boson.KeyFromSeed(boson.Seed{byte(round), byte(i)})
			claim := s.claim(t, key, name, nil)
			all.Go(func() {
				code, fault := s.register(t, fmt.Sprintf("127.0.3.%d", 10*round+i+1), claim)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case code == 200:
					won = append(won, key.ID())
				case code != 409 || fault != "name_taken":
					t.Error(code, fault)
				}
			})
		}
		all.Wait()
		if len(won) != 1 {
			t.Fatalf("%d have the name", len(won))
		}
		if rec, err := s.registry.Lookup(t.Context(), parse(t, name)); err != nil || rec.Node != won[0] {
			t.Fatal(rec, err)
		}
	}
}
