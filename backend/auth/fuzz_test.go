package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"pc2/backend/boson"
	"pc2/backend/fault"
	"pc2/backend/wallet"
)

// Whatever is typed: no panic, and what is read is a code in form that reads as itself.
func FuzzClaimCode(f *testing.F) {
	for _, s := range []string{"", "0123456789AB", "oilu-OILU-0000", "ABCD EFGH JKMN", strings.Repeat("-", 100), "ABCDEFGHJKM\xff", "ſſſſſſſſſſſſ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := parseClaimCode(s)
		if ok == c.IsZero() {
			t.Fatalf("%q: ok %v, zero %v", s, ok, c.IsZero())
		}
		if !ok {
			return
		}
		if r := c.Reveal(); len(r) != 12 || strings.Trim(r, crockford) != "" {
			t.Fatalf("%q reads as %q", s, r)
		}
		for _, again := range []string{c.Reveal(), strings.ToLower(c.Reveal()), c.Reveal()[:5] + "-" + c.Reveal()[5:]} {
			if d, ok := parseClaimCode(again); !ok || !c.equal(d) {
				t.Fatalf("%q of %q reads otherwise", again, s)
			}
		}
		if other := newClaimCode(); c.equal(other) {
			t.Fatalf("%q opens a fresh code", s)
		}
	})
}

// Whatever is sent as an answer to a challenge, correctly signed: only the
// challenge itself, for its purpose, at its host, is accepted, and only once.
func FuzzAnswer(f *testing.F) {
	seed := sha256.Sum256([]byte("fuzz"))
	key := secp256k1.PrivKeyFromBytes(seed[:])
	sign := func(message string) []byte {
		h := wallet.Digest([]byte(message))
		c := ecdsa.SignCompact(key, h[:], false)
		return append(c[1:], c[0])
	}
	who, err := wallet.Recover([]byte("me"), sign("me"))
	if err != nil {
		f.Fatal(err)
	}
	const host = "localhost:4200"
	now := time.Date(2025, 1, 1, 10, 0, 0, 0, time.UTC)
	d := &Desk{
		node: boson.KeyFromSeed([32]byte{1}).ID(), name: "alice", ttl: time.Minute, challenges: newChallenges(),
		acceptHost: func(h string) bool { return h == host }, now: func() time.Time { return now },
	}
	// %m and %n stand for the issued message and its nonce.
	for _, s := range []string{"%m", "%m\n", "%m\nNonce: AAAAAAAAAAAAAAAA", "\nNonce: %n\n", "\nNonce: %n", "Nonce: %n", "\nNonce: AAAAAAAAAAAAAAAA\nNonce: %n\n", "evil.example%m", "", "\nNonce: ", "\nNonce: \xff%n"} {
		f.Add(s, "", "", host)
		f.Add(s, "%n", PurposePhrase, "LOCALHOST:4200")
	}
	f.Add("%m", "", "", "alice.ela.city")
	f.Fuzz(func(t *testing.T, message, nonce, purpose, at string) {
		c, err := d.Challenge(context.Background(), ChallengeRequest{Address: &who, Host: host, Origin: "http://" + host, Purpose: PurposeLogin})
		if err != nil {
			t.Fatal(err)
		}
		fill := strings.NewReplacer("%m", c.Message, "%n", c.Nonce)
		message, nonce = fill.Replace(message), fill.Replace(nonce)
		if purpose == "" {
			purpose = PurposeLogin
		}
		a := attempt{purpose: purpose, address: who, message: message, signature: hex.EncodeToString(sign(message)), nonce: nonce, host: at}
		got, err := d.verify(a)
		exact := message == c.Message && (nonce == "" || nonce == c.Nonce) && purpose == PurposeLogin && (at == "" || strings.ToLower(at) == host)
		if exact != (err == nil) || exact != (got != nil) {
			t.Fatalf("exact %v: %v, for %q", exact, err, message)
		}
		if err != nil && fault.KindOf(err) != fault.Unauthenticated {
			t.Fatalf("%q: %v", message, err)
		}
		if nonceOf(message) == c.Nonce && message != "" {
			if d.challenges.take(c.Nonce) != nil {
				t.Fatalf("%q did not use the challenge up", message)
			}
		}
		d.challenges.take(c.Nonce)
	})
}
