package auth

import (
	"context"
	"fmt"

	"pc2/backend/store"
)

// Sessions lists the live sessions of p's wallet, the last used first. The one
// in use has the id p.Session.ID.
func (d *Desk) Sessions(ctx context.Context, p Principal) ([]Session, error) {
	rows, err := d.db.Read(ctx).Query(`SELECT `+sessionColumns+` FROM sessions s
		WHERE s.wallet_address = ? AND s.revoked_at IS NULL AND s.expires_at > ?
		ORDER BY s.last_activity DESC, s.created_at DESC, s.session_id`, p.User.Wallet, d.now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	defer rows.Close()
	out := []Session{}
	for rows.Next() {
		var s Session
		if err := rows.Scan(s.columns()...); err != nil {
			return nil, fmt.Errorf("list sessions: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Logout ends the session that p uses.
func (d *Desk) Logout(ctx context.Context, p Principal) error {
	return d.db.Write(ctx, func(tx *store.Tx) error {
		at := d.now()
		ended, err := d.end(tx, p.User.Wallet, ReasonRevoked, endOne, at.UnixMilli(), p.User.Wallet, at.UnixMilli(), p.Session.ID, p.Session.ID)
		if err != nil || len(ended) == 0 { // none: it ended by itself a moment ago
			return err
		}
		return Audit(tx, Record{Wallet: &p.User.Wallet, Action: AuthLogout, Resource: p.Session.ID, At: at})
	})
}

// Revoke ends another session of p's wallet.
func (d *Desk) Revoke(ctx context.Context, p Principal, id string) error {
	if id == p.Session.ID {
		return errOwnSession
	}
	return d.db.Write(ctx, func(tx *store.Tx) error {
		at := d.now()
		ended, err := d.end(tx, p.User.Wallet, ReasonRevoked, endOne, at.UnixMilli(), p.User.Wallet, at.UnixMilli(), id, id)
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			return errNoSession
		}
		return Audit(tx, Record{Wallet: &p.User.Wallet, Action: SessionRevoked, Resource: id, At: at})
	})
}

// RevokeAll ends the sessions of p's wallet and returns how many: people's
// sessions, the current one only if asked, and with each what depends on it;
// sessions of apps and devices that would stay only if asked.
func (d *Desk) RevokeAll(ctx context.Context, p Principal, current, apps bool) (n int, err error) {
	err = d.db.Write(ctx, func(tx *store.Tx) error {
		at := d.now()
		ended, err := d.end(tx, p.User.Wallet, ReasonRevoked, endOthers, at.UnixMilli(), p.User.Wallet, at.UnixMilli(),
			p.Session.ID, current, p.Session.ID, current, apps)
		if n = len(ended); err != nil || n == 0 {
			return err
		}
		return Audit(tx, Record{Wallet: &p.User.Wallet, Action: SessionRevoked, Detail: map[string]any{"sessions": n}, At: at})
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// SetDisplayName stores how p wants to be called, at most 64 characters, and
// returns it; "" removes it.
func (d *Desk) SetDisplayName(ctx context.Context, p Principal, name string) (string, error) {
	name, err := label("display_name", name, 64)
	if err != nil {
		return "", err
	}
	err = d.db.Write(ctx, func(tx *store.Tx) error {
		tx.After(func() { d.cache.forget(p.User.Wallet) })
		_, err := tx.Exec("UPDATE users SET display_name = ? WHERE wallet_address = ?", nullable(name), p.User.Wallet)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("store the display name: %w", err)
	}
	return name, nil
}
