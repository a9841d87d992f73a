package auth

import (
	"context"
	"strings"

	"pc2/backend/wallet"
)

// attempt is somebody's answer to a challenge.
type attempt struct {
	purpose   string
	address   wallet.Address
	message   string
	signature string
	nonce     string // "" or the one in the message
	host      string // host[:port] of this request; "" where the caller has checked it
}

// verify says whether a is the answer of that wallet to a challenge that this
// node issued, for this purpose. Whatever it says, the challenge is used up.
func (d *Desk) verify(a attempt) (*pending, error) {
	if a.message == "" || a.signature == "" {
		return nil, ErrSignatureRequired
	}
	nonce := nonceOf(a.message)
	c := d.challenges.take(nonce)
	if c == nil {
		return nil, ErrChallengeUnknown
	}
	if !d.now().Before(c.expires) {
		return nil, ErrChallengeExpired
	}
	switch {
	case a.message != c.message,
		a.nonce != "" && a.nonce != nonce,
		a.purpose != c.purpose,
		a.address != c.address,
		a.host != "" && strings.ToLower(a.host) != c.host,
		!d.acceptHost(c.host):
		return nil, ErrChallengeMismatch
	}
	sig, err := wallet.ParseSignature(a.signature)
	if err != nil {
		return nil, ErrSignatureInvalid.Because(err)
	}
	signer, err := wallet.Recover([]byte(a.message), sig)
	if err != nil {
		return nil, ErrSignatureInvalid.Because(err)
	}
	// A contract's signature (EIP-1271) recovers to some other address. Checking
	// it needs an RPC endpoint, and this node has none.
	if signer != c.address {
		return nil, ErrSignatureInvalid
	}
	return c, nil
}

// StepUp says whether the person behind p has just signed a challenge of this
// purpose with the wallet they are signed in with.
func (d *Desk) StepUp(_ context.Context, p Principal, purpose, message, signature string) error {
	if purpose == PurposeLogin || statements[purpose] == "" {
		return invalid("purpose", "There is no such purpose.")
	}
	_, err := d.verify(attempt{purpose: purpose, address: p.User.Wallet, message: message, signature: signature})
	return err
}
