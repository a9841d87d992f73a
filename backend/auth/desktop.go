package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"

	"pc2/backend/store"
	"pc2/backend/wallet"
)

// The window of the desktop program is a browser without extensions. Besides a
// key that it keeps, it gets a session in two ways, both at the word of a
// person: another browser of this PC that is signed in says yes (SignInWindow),
// or the owner has consented, once, that this PC's window needs no question
// (Trust). The consent names the wallet that gave it; another owner has to give
// it again.

// DesktopTrust is written to the audit when the consent changes.
const DesktopTrust = "desktop_trust"

const trustKey = "desktop_trust"

// Trust gives or takes back p's consent.
func (d *Desk) Trust(ctx context.Context, p Principal, on bool, ip netip.Addr, ua string) error {
	w, now := p.User.Wallet, d.now()
	return d.db.Write(ctx, func(tx *store.Tx) error {
		if role, err := d.readRole(tx, w); err != nil {
			return err
		} else if role != Owner {
			return ErrSuspended
		}
		var err error
		if on {
			_, err = tx.Exec("INSERT INTO settings (key, value, updated_at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at", trustKey, w.String(), now.UnixMilli())
		} else {
			_, err = tx.Exec("DELETE FROM settings WHERE key = ?", trustKey)
		}
		if err != nil {
			return fmt.Errorf("store the consent: %w", err)
		}
		return Audit(tx, Record{Wallet: &w, Action: DesktopTrust, Detail: map[string]any{"trusted": on}, IP: ip, UserAgent: ua, At: now})
	})
}

// Trusted says whether an owner's consent holds.
func (d *Desk) Trusted(ctx context.Context) (bool, error) {
	w, err := d.trusted(d.db.Read(ctx))
	return w != nil, err
}

// trusted is the owner who has consented, or nil.
func (d *Desk) trusted(q store.Queryer) (*wallet.Address, error) {
	var text string
	err := q.QueryRow("SELECT value FROM settings WHERE key = ?", trustKey).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the consent: %w", err)
	}
	w, err := wallet.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the consent: %w", err)
	}
	role, err := d.readRole(q, w)
	if err != nil || role != Owner {
		return nil, err
	}
	return &w, nil
}

// EnterTrusted opens a session for the owner who has consented; nil when none has.
// It takes the place of the window's earlier one.
func (d *Desk) EnterTrusted(ctx context.Context, label string, ip netip.Addr, ua string) (*Login, error) {
	if w, err := d.trusted(d.db.Read(ctx)); err != nil || w == nil {
		return nil, err
	}
	var l *Login
	err := d.db.Write(ctx, func(tx *store.Tx) error {
		l = nil
		w, err := d.trusted(tx)
		if err != nil || w == nil {
			return err
		}
		in, err := d.letWindowIn(tx, *w, letIn{label: label, ip: ip, agent: ua})
		l = &in
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// SignInWindow opens a session for p's wallet, since p said so, in the place of the
// window's earlier one.
func (d *Desk) SignInWindow(ctx context.Context, p Principal, label string, ip netip.Addr, ua string) (l Login, err error) {
	err = d.db.Write(ctx, func(tx *store.Tx) error {
		l, err = d.letWindowIn(tx, p.User.Wallet, letIn{by: p.Session.ID, label: label, ip: ip, agent: ua})
		return err
	})
	return l, err
}

// letWindowIn ends what the window had before: each start of the program would
// leave a session else, and too many end those of other devices.
func (d *Desk) letWindowIn(tx *store.Tx, w wallet.Address, in letIn) (Login, error) {
	at := d.now().UnixMilli()
	if _, err := d.end(tx, w, ReasonRevoked, endWindow, at, w, at, w); err != nil {
		return Login{}, err
	}
	in.via = "desktop"
	return d.letIn(tx, w, in)
}
