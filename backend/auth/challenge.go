package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"pc2/backend/wallet"
)

// What a signed challenge is for. A signature for one never serves another.
const (
	PurposeLogin  = "login"
	PurposePhrase = "recovery-phrase"
)

// statements is what people read above the signature.
var statements = map[string]string{
	PurposeLogin:  "Sign in to PC2 node %s.",
	PurposePhrase: "Show the recovery phrase of PC2 node %s.",
}

// ChallengeRequest asks for a text to sign.
type ChallengeRequest struct {
	Address      *wallet.Address // required
	SmartAccount *wallet.Address
	ChainID      int64  // 0 means 1
	Host         string // host[:port] that the browser used
	Origin       string // scheme://host[:port] of the page
	IP           netip.Addr
	Purpose      string // "" means login
}

// Challenge is a text to sign with personal_sign, good for one attempt.
type Challenge struct {
	Nonce     string
	Message   string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Challenge makes a text to sign and remembers it. The host must be one that
// this node answers to.
func (d *Desk) Challenge(_ context.Context, r ChallengeRequest) (Challenge, error) {
	if r.Address == nil {
		return Challenge{}, ErrAddress
	}
	if r.ChainID < 0 {
		return Challenge{}, invalid("chainId", "A chain id is a positive number.")
	}
	if r.ChainID == 0 {
		r.ChainID = 1
	}
	if r.Purpose == "" {
		r.Purpose = PurposeLogin
	}
	if statements[r.Purpose] == "" {
		return Challenge{}, invalid("purpose", "There is no such purpose.")
	}
	r.Host = strings.ToLower(r.Host)
	if !isAuthority(r.Host) || !d.acceptHost(r.Host) {
		return Challenge{}, errHost
	}
	if !isOrigin(r.Origin) {
		return Challenge{}, invalid("origin", "The origin of this page is not one that can be signed in to.")
	}
	issued := d.now().UTC().Truncate(time.Second)
	c := Challenge{Nonce: nonce(), IssuedAt: issued, ExpiresAt: issued.Add(d.ttl)}
	c.Message = d.text(r, c)
	d.challenges.put(&pending{
		nonce:   c.Nonce,
		purpose: r.Purpose,
		message: c.Message,
		address: *r.Address,
		smart:   r.SmartAccount,
		host:    r.Host,
		expires: c.ExpiresAt,
		from:    network(r.IP),
	})
	return c, nil
}

// text is the EIP-4361 message, version 1: LF line ends, none after the last.
func (d *Desk) text(r ChallengeRequest, c Challenge) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s wants you to sign in with your Ethereum account:\n%s\n\n", r.Host, r.Address.Checksum())
	fmt.Fprintf(&b, statements[r.Purpose]+"\n\n", d.name)
	fmt.Fprintf(&b, "URI: %s\nVersion: 1\nChain ID: %d\nNonce: %s\n", r.Origin, r.ChainID, c.Nonce)
	fmt.Fprintf(&b, "Issued At: %s\nExpiration Time: %s\n", c.IssuedAt.Format(time.RFC3339), c.ExpiresAt.Format(time.RFC3339))
	fmt.Fprintf(&b, "Resources:\n- urn:pc2:node:%s", d.node)
	if r.SmartAccount != nil {
		fmt.Fprintf(&b, "\n- urn:pc2:smart-account:%s", r.SmartAccount.Checksum())
	}
	if r.Purpose != PurposeLogin {
		fmt.Fprintf(&b, "\n- urn:pc2:purpose:%s", r.Purpose)
	}
	return b.String()
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// nonce is 16 characters of 62, 95 bits.
func nonce() string {
	out := make([]byte, 0, 16)
	for {
		var raw [32]byte
		rand.Read(raw[:]) // never fails: the runtime ends the program instead
		for _, b := range raw {
			if b >= 4*62 { // else the first characters would be likelier
				continue
			}
			if out = append(out, alphanumeric[b%62]); len(out) == cap(out) {
				return string(out)
			}
		}
	}
}

// nonceOf is the nonce that a message names, or "". Nothing else of a message
// is ever read: it is compared with what was issued.
func nonceOf(message string) string {
	_, rest, _ := strings.Cut(message, "\nNonce: ")
	n, _, _ := strings.Cut(rest, "\n")
	if len(n) != 16 {
		return ""
	}
	return n
}

// isAuthority says whether s is host[:port] in characters that can break no line of the text.
func isAuthority(s string) bool {
	return s != "" && len(s) <= 261 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune(".-_:[]", c))
	})
}

func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isAuthority(strings.ToLower(u.Host)) && s == u.Scheme+"://"+u.Host
}

// statementName is the node's name in the characters that EIP-4361 allows in a
// statement: wallets that cannot parse the text do not compare its host with
// the page's.
func statementName(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune(" -._~:/?#[]@!$&'()*+,;=", c):
			return c
		}
		return '_'
	}, strings.TrimSpace(s))
	if s == "" {
		return "PC2 Node"
	}
	return s[:min(len(s), 64)]
}
