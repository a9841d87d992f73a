package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"go.uber.org/goleak"

	"pc2/backend/auth"
	"pc2/backend/boson"
	"pc2/backend/event"
	"pc2/backend/fault"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	host   = "localhost:4200"
	origin = "http://localhost:4200"
	agent  = "Mozilla/5.0"
)

var (
	here  = netip.MustParseAddr("127.0.0.1")
	there = netip.MustParseAddr("203.0.113.7")
)

// signer is a wallet.
type signer struct {
	key  *secp256k1.PrivateKey
	addr wallet.Address
}

// newSigner makes the wallet of that name, the same one every time.
func newSigner(t testing.TB, name string) *signer {
	t.Helper()
	seed := sha256.Sum256([]byte("wallet of " + name))
	s := &signer{key: secp256k1.PrivKeyFromBytes(seed[:])}
	a, err := wallet.Recover([]byte("who am I"), s.raw("who am I"))
	if err != nil {
		t.Fatal(err)
	}
	s.addr = a
	return s
}

// raw signs as personal_sign does: r, s, v.
func (s *signer) raw(message string) []byte {
	h := wallet.Digest([]byte(message))
	c := ecdsa.SignCompact(s.key, h[:], false) // v, r, s
	return append(c[1:], c[0])
}

func (s *signer) sign(message string) string { return "0x" + hex.EncodeToString(s.raw(message)) }

// node is a desk with its database and a clock that stands still until moved.
type node struct {
	*auth.Desk
	t    testing.TB
	db   *store.DB
	bus  *event.Bus
	time time.Time
}

func newNode(t testing.TB, change ...func(*auth.Config)) *node {
	t.Helper()
	db, err := store.Open(context.Background(), store.Config{Path: filepath.Join(t.TempDir(), "pc2.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	n := &node{t: t, db: db, bus: event.New(), time: time.Date(2025, 1, 1, 10, 0, 0, 123456789, time.UTC)}
	n.restart(change...)
	return n
}

// restart makes a new desk on the same database.
func (n *node) restart(change ...func(*auth.Config)) {
	n.t.Helper()
	cfg := auth.Config{
		DB: n.db, Node: boson.KeyFromSeed([32]byte{7}).ID(), NodeName: "alice", Bus: n.bus,
		AcceptHost: func(h string) bool { return h == host || h == "alice.ela.city" },
		Now:        func() time.Time { return n.time },
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if n.Desk, err = auth.New(context.Background(), cfg); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) challenge(s *signer, change ...func(*auth.ChallengeRequest)) auth.Challenge {
	n.t.Helper()
	r := auth.ChallengeRequest{Address: &s.addr, Host: host, Origin: origin, IP: here}
	for _, f := range change {
		f(&r)
	}
	c, err := n.Challenge(context.Background(), r)
	if err != nil {
		n.t.Fatalf("challenge: %v", err)
	}
	return c
}

// request is a login that is right in all respects but the claim code.
func (n *node) request(s *signer) auth.LoginRequest {
	n.t.Helper()
	c := n.challenge(s)
	return auth.LoginRequest{Address: &s.addr, Message: c.Message, Signature: s.sign(c.Message), Host: host, IP: here, UserAgent: agent}
}

func (n *node) login(s *signer) auth.Login {
	n.t.Helper()
	l, err := n.Login(context.Background(), n.request(s))
	if err != nil {
		n.t.Fatalf("login: %v", err)
	}
	return l
}

// owned makes s the owner and returns its session.
func (n *node) owned(s *signer) auth.Login {
	n.t.Helper()
	r := n.request(s)
	r.ClaimCode = n.ClaimCode().Reveal()
	l, err := n.Login(context.Background(), r)
	if err != nil {
		n.t.Fatalf("claim: %v", err)
	}
	return l
}

func (n *node) auth(l auth.Login) (auth.Principal, error) {
	return n.Authenticate(context.Background(), l.Token.Reveal(), here, agent)
}

// count runs a query that yields one number.
func (n *node) count(query string, args ...any) (c int) {
	n.t.Helper()
	if err := n.db.Read(context.Background()).QueryRow(query, args...).Scan(&c); err != nil {
		n.t.Fatal(err)
	}
	return c
}

func (n *node) exec(query string, args ...any) {
	n.t.Helper()
	err := n.db.Write(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// wantCode checks the kind and the code of a failure.
func wantCode(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || fault.CodeOf(err) != code {
		t.Fatalf("got %v (kind %d), want kind %d, code %s", err, fault.KindOf(err), kind, code)
	}
}

// wantField checks one field of a fault.
func wantField(t testing.TB, err error, key string, want any) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Fields[key] != want {
		t.Fatalf("field %s of %v is not %v", key, err, want)
	}
}

// The first paragraph of an owner's life with the node.
func TestStory(t *testing.T) {
	n := newNode(t)
	alice, bob := newSigner(t, "alice"), newSigner(t, "bob")
	code := n.ClaimCode().Reveal()
	if len(code) != 12 {
		t.Fatalf("claim code of %d characters", len(code))
	}
	if _, ok := n.Owner(); ok {
		t.Fatal("owned before anybody came")
	}

	// A verified wallet without the code is told what it needs.
	_, err := n.Login(t.Context(), n.request(alice))
	wantCode(t, err, fault.Denied, "claim_required")

	// With it, the wallet is the owner, and the code is gone for good.
	r := n.request(alice)
	r.ClaimCode, r.DeviceName, r.EmailHint = strings.ToLower(code[:4]+"-"+code[4:]), " Kitchen PC ", "alice@example.com"
	l, err := n.Login(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if !l.Claimed || l.Role != auth.Owner || l.User.Wallet != alice.addr || l.Session.Label != "Kitchen PC" || l.Session.CreatedVia != "wallet" {
		t.Fatalf("%+v", l)
	}
	if w, ok := n.Owner(); !ok || w != alice.addr || !n.ClaimCode().IsZero() {
		t.Fatalf("owner %v %v, code gone: %v", w, ok, n.ClaimCode().IsZero())
	}
	if want := n.time.Add(7 * 24 * time.Hour).Truncate(time.Millisecond); !l.Session.ExpiresAt.Equal(want) {
		t.Fatalf("expires %v, want %v", l.Session.ExpiresAt, want)
	}

	// The token opens the door; the second login is another session of the same user.
	p, err := n.auth(l)
	if err != nil || p.User.Wallet != alice.addr || p.Role != auth.Owner || p.Session.ID != l.Session.ID || p.User.EmailHint != "alice@example.com" {
		t.Fatalf("%+v, %v", p, err)
	}
	again := n.login(alice)
	if again.Claimed || again.User.UUID != l.User.UUID || again.Session.ID == l.Session.ID || again.Token.Reveal() == l.Token.Reveal() {
		t.Fatalf("second login %+v", again)
	}

	// A stranger is verified, and refused; with the old code as well.
	r = n.request(bob)
	r.ClaimCode = code
	_, err = n.Login(t.Context(), r)
	wantCode(t, err, fault.Denied, "access_denied")
	wantField(t, err, "wallet", bob.addr.String())

	// All this survives a restart, which makes no new code.
	n.restart()
	if !n.ClaimCode().IsZero() {
		t.Fatal("a claim code although there is an owner")
	}
	if p, err := n.auth(l); err != nil || p.Role != auth.Owner {
		t.Fatalf("after restart: %+v, %v", p, err)
	}

	// Nothing in the database opens the door.
	if c := n.count("SELECT count(*) FROM sessions WHERE instr(token_hash, ?) OR instr(token_hash, unhex(?))", l.Token.Reveal(), l.Token.Reveal()); c != 0 {
		t.Fatal("a token lies in the database")
	}
	if err := auth.VerifyAudit(n.db.Read(t.Context())); err != nil {
		t.Fatal(err)
	}
}
