package auth

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"pc2/backend/store"
	"pc2/backend/wallet"
)

// LoginRequest is a signed challenge, and what comes with it.
type LoginRequest struct {
	Address      *wallet.Address // required
	SmartAccount *wallet.Address // if given, the one in the challenge
	Message      string          // the challenge, byte for byte
	Signature    string          // hex
	Nonce        string          // "" or the one in the message
	ClaimCode    string          // looked at while there is no owner
	DeviceName   string          // label of the session, at most 64 characters
	EmailHint    string          // kept for display, trusted for nothing
	Host         string          // host[:port] that the browser used; the one of the challenge
	IP           netip.Addr
	UserAgent    string
}

// Login is a new session with its secret.
type Login struct {
	Token Token
	Principal
	Claimed bool // this login made the wallet the owner
}

// Login verifies a signed challenge and opens a session, in one transaction
// with the claim of ownership if there was none.
func (d *Desk) Login(ctx context.Context, r LoginRequest) (Login, error) {
	if r.Address == nil {
		return Login{}, ErrAddress
	}
	name, err := label("device_name", r.DeviceName, 64)
	if err != nil {
		return Login{}, err
	}
	if r.Host == "" {
		return Login{}, errHost
	}
	if r.ClaimCode != "" {
		if err := d.mayClaim(r.IP); err != nil {
			return Login{}, err
		}
	}
	c, err := d.verify(attempt{purpose: PurposeLogin, address: *r.Address, message: r.Message, signature: r.Signature, nonce: r.Nonce, host: r.Host})
	if err != nil {
		return Login{}, err
	}
	if r.SmartAccount != nil && (c.smart == nil || *c.smart != *r.SmartAccount) {
		return Login{}, ErrChallengeMismatch // what is stored is what was signed
	}
	r.SmartAccount, r.DeviceName = c.smart, name
	verdict := d.CheckClaim(r.ClaimCode, r.IP)

	var l Login
	err = d.db.Write(ctx, func(tx *store.Tx) (err error) {
		l, err = d.enter(tx, r, verdict, d.now())
		return err
	})
	if err != nil {
		return Login{}, err
	}
	if l.Claimed {
		d.log.Info("this node has an owner now", "wallet", l.User.Wallet)
	}
	return l, nil
}

// enter lets a verified wallet in, if it may come in. verdict is what
// CheckClaim said of its code; whether there is an owner is asked again here,
// where nobody can come between.
func (d *Desk) enter(tx *store.Tx, r LoginRequest, verdict error, now time.Time) (Login, error) {
	w := *r.Address
	role, err := d.readRole(tx, w)
	if err != nil {
		return Login{}, err
	}
	owner, err := d.owner(tx)
	if err != nil {
		return Login{}, fmt.Errorf("read the owner: %w", err)
	}
	l := Login{Claimed: owner == nil && verdict == nil}
	switch {
	case l.Claimed:
		role = Owner
		if err := d.becomeOwner(tx, w, now); err != nil {
			return Login{}, err
		}
	case role == "" && owner == nil:
		return Login{}, verdict
	case role == "":
		return Login{}, ErrAccessDenied.With("wallet", w.String())
	}
	user, disabled, err := upsertUser(tx, r, now)
	if err != nil {
		return Login{}, err
	}
	if disabled {
		return Login{}, ErrSuspended
	}
	l.User, l.Role = user, role
	if l.Token, l.Session, err = d.issue(tx, user, "wallet", r.DeviceName, r.IP, r.UserAgent, now); err != nil {
		return Login{}, err
	}
	tx.After(func() { d.cache.forget(w) }) // the user's row has changed
	rec := Record{Wallet: &w, Action: AuthLogin, Resource: l.Session.ID, Detail: map[string]any{"method": "eoa"}, IP: r.IP, UserAgent: r.UserAgent, At: now}
	if l.Claimed {
		claimed := rec
		claimed.Action, claimed.Resource = OwnerClaimed, ""
		if err := Audit(tx, claimed); err != nil {
			return Login{}, err
		}
	}
	return l, Audit(tx, rec)
}

// upsertUser notes the sign-in of r's wallet, for the first time or again.
func upsertUser(tx *store.Tx, r LoginRequest, now time.Time) (u User, disabled bool, err error) {
	at := now.UnixMilli()
	_, err = tx.Exec(`INSERT INTO users (wallet_address, uuid, smart_account_address, email_hint, created_at, last_login) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (wallet_address) DO UPDATE SET last_login = excluded.last_login,
			smart_account_address = COALESCE(excluded.smart_account_address, smart_account_address),
			email_hint = COALESCE(excluded.email_hint, email_hint)`,
		*r.Address, uuid.NewString(), r.SmartAccount, nullable(clip(r.EmailHint, 254)), at, at)
	if err != nil {
		return u, false, fmt.Errorf("store the user: %w", err)
	}
	err = tx.QueryRow(`SELECT u.disabled, `+userColumns+` FROM users u WHERE u.wallet_address = ?`, *r.Address).Scan(append([]any{&disabled}, u.columns()...)...)
	if err != nil {
		return u, false, fmt.Errorf("read the user: %w", err)
	}
	return u, disabled, nil
}
