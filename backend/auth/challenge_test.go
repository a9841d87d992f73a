package auth_test

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"pc2/backend/auth"
	"pc2/backend/boson"
	"pc2/backend/fault"
	"pc2/backend/wallet"
)

func address(t *testing.T, s string) *wallet.Address {
	t.Helper()
	a, err := wallet.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return &a
}

// The texts are what wallets show and what is signed: they may not change by a byte.
func TestChallengeText(t *testing.T) {
	eip55 := address(t, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
	smart := address(t, "0xFB6916095CA1DF60BB79CE92CE3EA74C37C5D359")
	node := boson.KeyFromSeed([32]byte{7}).ID().String()
	for _, c := range []struct {
		name string
		req  auth.ChallengeRequest
		want string
	}{
		{"plain", auth.ChallengeRequest{Address: eip55, Host: host, Origin: origin}, `localhost:4200 wants you to sign in with your Ethereum account:
0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed

Sign in to PC2 node alice.

URI: http://localhost:4200
Version: 1
Chain ID: 1
Nonce: NONCE
Issued At: 2025-01-01T10:00:00Z
Expiration Time: 2025-01-01T10:05:00Z
Resources:
- urn:pc2:node:` + node},
		{"smart account, chain, remote", auth.ChallengeRequest{Address: eip55, SmartAccount: smart, ChainID: 20, Host: "Alice.Ela.City", Origin: "https://alice.ela.city"}, `alice.ela.city wants you to sign in with your Ethereum account:
0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed

Sign in to PC2 node alice.

URI: https://alice.ela.city
Version: 1
Chain ID: 20
Nonce: NONCE
Issued At: 2025-01-01T10:00:00Z
Expiration Time: 2025-01-01T10:05:00Z
Resources:
- urn:pc2:node:` + node + `
- urn:pc2:smart-account:0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359`},
		{"recovery phrase", auth.ChallengeRequest{Address: eip55, SmartAccount: smart, Host: host, Origin: origin, Purpose: auth.PurposePhrase}, `localhost:4200 wants you to sign in with your Ethereum account:
0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed

Show the recovery phrase of PC2 node alice.

URI: http://localhost:4200
Version: 1
Chain ID: 1
Nonce: NONCE
Issued At: 2025-01-01T10:00:00Z
Expiration Time: 2025-01-01T10:05:00Z
Resources:
- urn:pc2:node:` + node + `
- urn:pc2:smart-account:0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359
- urn:pc2:purpose:recovery-phrase`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			got, err := n.Challenge(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`^[A-Za-z0-9]{16}$`).MatchString(got.Nonce) {
				t.Errorf("nonce %q", got.Nonce)
			}
			if want := strings.Replace(c.want, "NONCE", got.Nonce, 1); got.Message != want {
				t.Errorf("got\n%s\nwant\n%s", got.Message, want)
			}
			if !got.ExpiresAt.Equal(got.IssuedAt.Add(5*time.Minute)) || got.IssuedAt.Nanosecond() != 0 {
				t.Errorf("issued %v, expires %v", got.IssuedAt, got.ExpiresAt)
			}
		})
	}
}

// A wallet parses the text only if the statement keeps to EIP-4361's characters.
func TestNodeNameBreaksNoLine(t *testing.T) {
	for name, want := range map[string]string{
		"":                       "Sign in to PC2 node PC2 Node.",
		"Alice's box":            "Sign in to PC2 node Alice's box.",
		"a\n\nURI: http://evil":  "Sign in to PC2 node a__URI: http://evil.",
		"Küche \"1\"":            "Sign in to PC2 node K_che _1_.",
		strings.Repeat("x", 100): "Sign in to PC2 node " + strings.Repeat("x", 64) + ".",
	} {
		n := newNode(t, func(c *auth.Config) { c.NodeName = name })
		m := n.challenge(newSigner(t, "alice")).Message
		if got := strings.Split(m, "\n")[3]; got != want {
			t.Errorf("name %q: statement %q", name, got)
		}
	}
}

func TestChallengeRefused(t *testing.T) {
	a := address(t, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
	for _, c := range []struct {
		name string
		req  auth.ChallengeRequest
		kind fault.Kind
		code string
	}{
		{"no address", auth.ChallengeRequest{Host: host, Origin: origin}, fault.Invalid, "field_missing"},
		{"no host", auth.ChallengeRequest{Address: a, Origin: origin}, fault.Misdirected, "host_not_allowed"},
		{"other host", auth.ChallengeRequest{Address: a, Host: "evil.example", Origin: origin}, fault.Misdirected, "host_not_allowed"},
		{"no origin", auth.ChallengeRequest{Address: a, Host: host}, fault.Invalid, "field_invalid"},
		{"origin with a line", auth.ChallengeRequest{Address: a, Host: host, Origin: origin + "\nNonce: x"}, fault.Invalid, "field_invalid"},
		{"origin with a path", auth.ChallengeRequest{Address: a, Host: host, Origin: origin + "/"}, fault.Invalid, "field_invalid"},
		{"origin with a user", auth.ChallengeRequest{Address: a, Host: host, Origin: "http://u@" + host}, fault.Invalid, "field_invalid"},
		{"origin null", auth.ChallengeRequest{Address: a, Host: host, Origin: "null"}, fault.Invalid, "field_invalid"},
		{"chain", auth.ChallengeRequest{Address: a, Host: host, Origin: origin, ChainID: -1}, fault.Invalid, "field_invalid"},
		{"purpose", auth.ChallengeRequest{Address: a, Host: host, Origin: origin, Purpose: "transfer"}, fault.Invalid, "field_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newNode(t).Challenge(t.Context(), c.req)
			wantCode(t, err, c.kind, c.code)
		})
	}
	// A host that would break the text is refused whoever accepts it.
	n := newNode(t, func(c *auth.Config) { c.AcceptHost = func(string) bool { return true } })
	for _, h := range []string{"a b", "a\nb", "a/b", "a@b", "ä.example", strings.Repeat("a", 300)} {
		_, err := n.Challenge(t.Context(), auth.ChallengeRequest{Address: a, Host: h, Origin: origin})
		wantCode(t, err, fault.Misdirected, "host_not_allowed")
	}
}

// highS is the other signature of the same message: (r, n-s, v^1), which
// curve arithmetic accepts and this node must not.
func highS(sig []byte) []byte {
	s := new(big.Int).SetBytes(sig[32:64])
	out := append([]byte{}, sig...)
	s.Sub(secp256k1.Params().N, s).FillBytes(out[32:64])
	out[64] = 27 + ((sig[64] - 27) ^ 1)
	return out
}

// Without this, the case "high s" below could be refused for another reason.
func TestHighSRecoversTheSameKey(t *testing.T) {
	s := newSigner(t, "alice")
	high, digest := highS(s.raw("text")), wallet.Digest([]byte("text"))
	key, _, err := ecdsa.RecoverCompact(append([]byte{high[64]}, high[:64]...), digest[:])
	if err != nil || !key.IsEqual(s.key.PubKey()) {
		t.Fatalf("%v, %v", key, err)
	}
}

func TestLoginRefused(t *testing.T) {
	alice, bob := newSigner(t, "alice"), newSigner(t, "bob")
	smart := address(t, "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359")
	for _, c := range []struct {
		name   string
		change func(n *node, r *auth.LoginRequest)
		kind   fault.Kind
		code   string
		keeps  bool // the challenge was not attempted, so it is still good
	}{
		{"no address", func(_ *node, r *auth.LoginRequest) { r.Address = nil }, fault.Invalid, "field_missing", true},
		{"no message", func(_ *node, r *auth.LoginRequest) { r.Message = "" }, fault.Unauthenticated, "signature_required", true},
		{"no signature", func(_ *node, r *auth.LoginRequest) { r.Signature = "" }, fault.Unauthenticated, "signature_required", true},
		{"device name too long", func(_ *node, r *auth.LoginRequest) { r.DeviceName = strings.Repeat("ä", 65) }, fault.Invalid, "field_invalid", true},
		{"device name with a line", func(_ *node, r *auth.LoginRequest) { r.DeviceName = "a\nb" }, fault.Invalid, "field_invalid", true},
		{"no host", func(_ *node, r *auth.LoginRequest) { r.Host = "" }, fault.Misdirected, "host_not_allowed", true},
		{"no challenge", func(_ *node, r *auth.LoginRequest) {
			r.Message = "Let me in."
			r.Signature = alice.sign(r.Message)
		}, fault.Unauthenticated, "challenge_unknown", true},
		{"own nonce", func(n *node, r *auth.LoginRequest) {
			i := strings.Index(r.Message, "\nNonce: ") + 8
			r.Message = r.Message[:i] + "AAAAAAAAAAAAAAAA" + r.Message[i+16:]
			r.Signature = alice.sign(r.Message)
		}, fault.Unauthenticated, "challenge_unknown", true},
		{"expired", func(n *node, r *auth.LoginRequest) { n.time = n.time.Add(5 * time.Minute) }, fault.Unauthenticated, "challenge_expired", false},
		{"altered host", func(_ *node, r *auth.LoginRequest) {
			r.Message = strings.Replace(r.Message, host, "alice.ela.city", 1)
			r.Host, r.Signature = "alice.ela.city", alice.sign(r.Message)
		}, fault.Unauthenticated, "challenge_mismatch", false},
		{"one byte more", func(_ *node, r *auth.LoginRequest) {
			r.Message += "\n"
			r.Signature = alice.sign(r.Message)
		}, fault.Unauthenticated, "challenge_mismatch", false},
		{"CR LF", func(_ *node, r *auth.LoginRequest) {
			r.Message = strings.ReplaceAll(r.Message, "\nVersion", "\r\nVersion")
			r.Signature = alice.sign(r.Message)
		}, fault.Unauthenticated, "challenge_mismatch", false},
		{"other chain", func(_ *node, r *auth.LoginRequest) {
			r.Message = strings.Replace(r.Message, "Chain ID: 1", "Chain ID: 20", 1)
			r.Signature = alice.sign(r.Message)
		}, fault.Unauthenticated, "challenge_mismatch", false},
		{"used at another host of this node", func(_ *node, r *auth.LoginRequest) { r.Host = "alice.ela.city" }, fault.Unauthenticated, "challenge_mismatch", false},
		{"other nonce beside", func(_ *node, r *auth.LoginRequest) { r.Nonce = "AAAAAAAAAAAAAAAA" }, fault.Unauthenticated, "challenge_mismatch", false},
		{"other address", func(_ *node, r *auth.LoginRequest) { r.Address, r.Signature = &bob.addr, bob.sign(r.Message) }, fault.Unauthenticated, "challenge_mismatch", false},
		{"smart account that was not signed", func(_ *node, r *auth.LoginRequest) { r.SmartAccount = smart }, fault.Unauthenticated, "challenge_mismatch", false},
		{"other wallet's signature", func(_ *node, r *auth.LoginRequest) { r.Signature = bob.sign(r.Message) }, fault.Unauthenticated, "signature_invalid", false},
		{"signature of another text", func(_ *node, r *auth.LoginRequest) { r.Signature = alice.sign("x" + r.Message) }, fault.Unauthenticated, "signature_invalid", false},
		{"high s", func(_ *node, r *auth.LoginRequest) {
			r.Signature = "0x" + hex.EncodeToString(highS(alice.raw(r.Message)))
		}, fault.Unauthenticated, "signature_invalid", false},
		{"cut off", func(_ *node, r *auth.LoginRequest) { r.Signature = r.Signature[:len(r.Signature)-4] }, fault.Unauthenticated, "signature_invalid", false},
		{"no hex", func(_ *node, r *auth.LoginRequest) { r.Signature = "0xhello" }, fault.Unauthenticated, "signature_invalid", false},
		{"zeros", func(_ *node, r *auth.LoginRequest) { r.Signature = "0x" + strings.Repeat("00", 65) }, fault.Unauthenticated, "signature_invalid", false},
		{"of a contract", func(_ *node, r *auth.LoginRequest) {
			r.Signature = "0x" + strings.Repeat("ab", 300) + strings.Repeat("6492", 16)
		}, fault.Unauthenticated, "signature_invalid", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.owned(alice)
			good := n.request(alice)
			r := good
			c.change(n, &r)
			_, err := n.Login(t.Context(), r)
			wantCode(t, err, c.kind, c.code)
			if n := n.count("SELECT count(*) FROM sessions"); n != 1 {
				t.Errorf("%d sessions", n)
			}
			_, err = n.Login(t.Context(), good)
			if c.keeps && err != nil {
				t.Errorf("the right answer afterwards: %v", err)
			}
			if !c.keeps {
				wantCode(t, err, fault.Unauthenticated, "challenge_unknown")
			}
		})
	}
}

func TestReplay(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	n.owned(alice)
	r := n.request(alice)
	if _, err := n.Login(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	_, err := n.Login(t.Context(), r)
	wantCode(t, err, fault.Unauthenticated, "challenge_unknown")
}

// A name that the node lost since the challenge was issued is not its own any more.
func TestHostLostMeanwhile(t *testing.T) {
	accepted, alice := true, newSigner(t, "alice")
	n := newNode(t, func(c *auth.Config) { c.AcceptHost = func(string) bool { return accepted } })
	r := n.request(alice)
	accepted = false
	_, err := n.Login(t.Context(), r)
	wantCode(t, err, fault.Unauthenticated, "challenge_mismatch")
}

func TestSignatureForms(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	n.owned(alice)
	for name, form := range map[string]func(sig []byte) []byte{
		"v 27 28": func(sig []byte) []byte { return sig },
		"v 0 1":   func(sig []byte) []byte { return append(sig[:64:64], sig[64]-27) },
		"EIP-2098": func(sig []byte) []byte {
			out := append([]byte{}, sig[:64]...)
			out[32] |= (sig[64] - 27) << 7
			return out
		},
	} {
		r := n.request(alice)
		r.Signature = hex.EncodeToString(form(alice.raw(r.Message)))
		if _, err := n.Login(t.Context(), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSmartAccountIsAClaim(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	smart := address(t, "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359")
	n.owned(alice)
	c := n.challenge(alice, func(r *auth.ChallengeRequest) { r.SmartAccount = smart })
	r := auth.LoginRequest{Address: &alice.addr, Message: c.Message, Signature: alice.sign(c.Message), Host: host, SmartAccount: smart}
	l, err := n.Login(t.Context(), r)
	if err != nil || l.User.Wallet != alice.addr || l.User.SmartAccount == nil || *l.User.SmartAccount != *smart {
		t.Fatalf("%+v, %v", l, err)
	}
	if p, err := n.auth(l); err != nil || p.User.SmartAccount == nil || *p.User.SmartAccount != *smart {
		t.Fatalf("%+v, %v", p, err)
	}
	if l := n.login(alice); l.User.SmartAccount == nil { // a later login that names none keeps it
		t.Fatal("the claim is gone")
	}
	// It opens nothing: the account itself cannot sign in by the key of its claimant.
	c, err = n.Challenge(t.Context(), auth.ChallengeRequest{Address: smart, Host: host, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.Login(t.Context(), auth.LoginRequest{Address: smart, Message: c.Message, Signature: alice.sign(c.Message), Host: host})
	wantCode(t, err, fault.Unauthenticated, "signature_invalid")
}

// Strangers can ask for as many challenges as they like.
func TestChallengesAreBounded(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	n.owned(alice)
	from := func(i int) func(*auth.ChallengeRequest) {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		return func(r *auth.ChallengeRequest) { r.IP = ip }
	}
	answer := func(c auth.Challenge) error {
		_, err := n.Login(t.Context(), auth.LoginRequest{Address: &alice.addr, Message: c.Message, Signature: alice.sign(c.Message), Host: host})
		return err
	}
	first := n.challenge(alice, from(0))
	second := n.challenge(alice, from(1))
	for i := range 9_999 {
		n.challenge(alice, from(2+i))
	}
	wantCode(t, answer(first), fault.Unauthenticated, "challenge_unknown") // 10 001: the oldest is gone
	if err := answer(second); err != nil {
		t.Fatalf("the second of 10 001: %v", err)
	}

	// One visitor pushes out only their own.
	mine := n.challenge(alice, from(20_000))
	flood := make([]auth.Challenge, 0, 65)
	for i := range 65 {
		flood = append(flood, n.challenge(alice, func(r *auth.ChallengeRequest) {
			r.IP = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)) // one /64
		}))
	}
	wantCode(t, answer(flood[0]), fault.Unauthenticated, "challenge_unknown")
	for _, c := range []auth.Challenge{flood[1], flood[64], mine} {
		if err := answer(c); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoncesDiffer(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	seen, characters := map[string]bool{}, map[rune]bool{}
	for range 500 {
		nonce := n.challenge(alice).Nonce
		seen[nonce] = true
		for _, c := range nonce {
			characters[c] = true
		}
	}
	if len(seen) != 500 || len(characters) != 62 { // 8000 characters miss one of 62 once in 10^54 runs
		t.Fatalf("%d nonces, %d characters", len(seen), len(characters))
	}
}
