//go:build linux

package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pc2/backend/boson"
	"pc2/backend/names"
)

// Who has a super node's keys has no signature of its nodes, but under the claims that
// they make at this very super node: whatever challenge it chooses, whatever it
// answers, and with the token of an owner whom it has listened to.
func TestPlayedSuperNode(t *testing.T) {
	dir := t.TempDir()
	super, other := boson.KeyFromSeed(boson.Seed{70}), boson.KeyFromSeed(boson.Seed{71}).ID()
	// The node has an ID before it meets the super node, which knows it from elsewhere.
	n, stop := runNode(t, Config{Dir: dir, Listen: "127.0.0.1:0", Profile: Profile{Name: "custom", Domain: "localhost", Scheme: "http"}, UI: fstest.MapFS{}})
	token := claimOwner(t, n.URL(), n.auth.ClaimCode().Reveal())
	id, device := n.id.ID(), n.id.Key().RelayDevice(super.ID()).ID()
	stop()

	// What a super node would like to have signed.
	text := func(kind, op, name string, at boson.ID) []byte {
		now := time.Now().UnixMilli()
		return fmt.Appendf(nil, "%s\n"+`{"deviceId":%q,"nodeId":%q,"op":%q,"seq":%d,"superNode":%q,"timestamp":%d,"username":%q}`, kind, device, id, op, now, at, now, name)
	}
	digest := func(parts ...[]byte) []byte { h := sha256.Sum256(bytes.Join(parts, nil)); return h[:] }
	nonce := bytes.Repeat([]byte{7}, 24)
	value := append(binary.BigEndian.AppendUint32(slices.Clone(nonce), 1), "value"...)
	origin := super.ID()
	peer := slices.Concat(id[:], origin[:], binary.BigEndian.AppendUint16(nil, 8090))
	wishes := [][]byte{
		text("pc2-name-v1", "register", "alice", other), text("pc2-name-v1", "release", "alice", super.ID()), text("pc2-name-v1", "register", "bob", super.ID()),
		text("pc2-reach-v1", "reach", "alice", super.ID()),
		digest(id[:], value), digest(value), digest(id[:], []byte("peer"), peer), // DHT records, 3.x: the digest is the message
		slices.Concat(nonce, value), slices.Concat(peer, peer), // and 2.x: the raw bytes are
		bytes.Repeat([]byte{' '}, 64), append(append(bytes.Repeat([]byte{' '}, 64), "TLS 1.3, server CertificateVerify\x00"...), nonce...),
		append([]byte("alice.localhost wants you to sign in with your Ethereum account:\n"), nonce...),
		bytes.Repeat([]byte{0}, 32), bytes.Repeat([]byte{0xff}, 2000),
	}
	p := play(t, super, wishes)
	n, _ = runNode(t, Config{Dir: dir, Listen: "127.0.0.1:0", Profile: p.profile(), WantedName: "alice", UI: fstest.MapFS{}})
	seat := func() *seat {
		t.Helper()
		select {
		case s := <-p.guests:
			return s
		case <-time.After(time.Minute):
			t.Fatal("the node does not come")
			return nil
		}
	}
	request := func(method, path, body string) string {
		return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: alice.localhost:1\r\nOrigin: http://alice.localhost:1\r\nX-Forwarded-Proto: http\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", method, path, token, len(body), body)
	}
	for _, x := range []struct{ request, want string }{
		{request("GET", "/api/boson/identity", ""), " 200 "},
		{request("GET", "/api/setup/mnemonic", ""), " 403 "},
		{request("POST", "/api/setup/mnemonic", `{"message":"x","signature":"y"}`), " 403 "},
		{request("POST", "/auth/challenge", `{"address":"0x1111111111111111111111111111111111111111","message":"pc2-name-v1\n{}","domain":"x"}`), " 200 "},
		{request("POST", "/api/boson/register", fmt.Sprintf(`{"username":"carol","superNode":%q,"super_node":%q,"deviceId":%q,"nodeId":%q,"gateway":"http://127.0.0.1:1","op":"release","seq":9007199254740991}`, other, other, super.ID(), id)), " 200 "},
		{request("GET", "/api/boson/connectivity", ""), " 200 "},
	} {
		got, err := p.ask(seat(), x.request)
		for try := 0; err != nil && try < 20; try++ {
			got, err = p.ask(seat(), x.request)
		}
		if err != nil || !strings.Contains(got[:min(len(got), 20)], x.want) {
			t.Errorf("%.40q: %.200q %v", x.request, got, err)
		}
		p.cut()
	}
	eventually(t, "each challenge is signed twice", func() bool {
		for len(p.guests) > 0 {
			<-p.guests
			p.cut()
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.signed) >= 2*len(wishes)
	})
	p.stop()
	p.verdict(id, device, n.id.Key())
}

// verdict looks through all that the node said.
func (p *played) verdict(node, device boson.ID, key boson.Key) {
	t := p.t
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var proofs [][]byte
	for _, s := range p.signed {
		if s.device != device || s.user != node && !s.user.IsZero() || device == node {
			t.Errorf("device %v of %v", s.device, s.user)
		}
		if !boson.Verify(device, s.challenge, s.signature) {
			t.Error("a challenge that is not signed by the device")
		}
		proofs = append(proofs, s.signature)
	}
	if len(p.others) > 0 {
		t.Error("the gateway was asked for", p.others)
	}
	honest := boson.KeyFromSeed(boson.Seed{71}).ID()
	seen := map[names.Name]bool{}
	for _, raw := range p.claims {
		c, err := names.ParseClaim(raw)
		if err != nil {
			t.Fatal(err)
		}
		seen[c.Name] = true
		mine := c.Op == names.Register && (c.Name.String() == "alice" || c.Name.String() == "carol") || c.Op == names.Release && c.Name.String() == "alice"
		if c.Node != node || c.Device != device || c.SuperNode != p.key.ID() || c.SuperNode == honest || !mine || c.Seq > time.Now().Add(10*time.Minute).UnixMilli() {
			t.Errorf("a claim that the node would not make: %s", raw)
		}
		var f struct{ Signature string }
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		b, err := base64.StdEncoding.DecodeString(f.Signature)
		if err != nil {
			t.Fatal(err)
		}
		proofs = append(proofs, b)
	}
	if len(seen) != 2 {
		t.Errorf("claims on %v", seen)
	}
	// Nothing that is a signature anywhere is the node's under a wish.
	for _, m := range p.challenges {
		for _, s := range proofs {
			if boson.Verify(node, m, s) {
				t.Errorf("the node has signed %q", m)
			}
		}
		// The node's signature of it is one value, since Ed25519 is deterministic: it is nowhere.
		s := key.Sign(m)
		for _, form := range [][]byte{s, []byte(base64.StdEncoding.EncodeToString(s)), []byte(base64.RawURLEncoding.EncodeToString(s)), fmt.Appendf(nil, "%x", s)} {
			for _, said := range append(p.said, p.claims...) {
				if bytes.Contains(said, form) {
					t.Errorf("the node's signature of %q was said", m)
				}
			}
		}
	}
}

// Claims that a played super node was given are worth nothing elsewhere, nor there
// again.
func TestClaimsOfAPlayedSuperNode(t *testing.T) {
	p := play(t, boson.KeyFromSeed(boson.Seed{72}), [][]byte{bytes.Repeat([]byte{1}, 40)})
	n, _ := runNode(t, Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Profile: p.profile(), WantedName: "alice", UI: fstest.MapFS{}})
	<-p.guests
	c := &chain{t: t, home: t.TempDir()}
	c.startSuper()
	send := func(b []byte) reply {
		t.Helper()
		v := c.visitor("127.0.0.1")
		v.base = "http://" + c.super.Ready().HTTPAddr
		return v.do("POST", "/api/register", bytes.NewReader(b))
	}
	p.mu.Lock()
	claim := slices.Clone(p.claims[0])
	p.mu.Unlock()
	if r := send(claim); !r.says(401, "signature_invalid") {
		t.Error("replayed:", r)
	}
	if r := send(bytes.ReplaceAll(claim, []byte(p.key.ID().String()), []byte(c.super.ID().String()))); !r.says(401, "signature_invalid") {
		t.Error("turned to another super node:", r)
	}
	device := p.key.RelayDevice(c.super.ID()).ID()
	if r := send(bytes.ReplaceAll(claim, []byte(n.id.Key().RelayDevice(p.key.ID()).ID().String()), []byte(device.String()))); !r.says(401, "signature_invalid") {
		t.Error("with another device:", r)
	}
}
