package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"pc2/backend/event"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

// Role is what a wallet may do here. The zero value may do nothing.
type Role string

const (
	Owner  Role = "owner" // one wallet, and those tethered to it
	Admin  Role = "admin"
	Member Role = "member"
)

// IsAdmin says whether the role sees and manages everybody's things: admins and
// the owner do.
func (r Role) IsAdmin() bool { return r == Owner || r == Admin }

// roleOf is the role of w, given its row in members (or NULL). The
// configuration comes first: beside a pinned owner, the row of another is void.
func (d *Desk) roleOf(w wallet.Address, row sql.NullString) Role {
	switch {
	case d.pin != nil && *d.pin == w, slices.Contains(d.tethered, w):
		return Owner
	case d.pin != nil && Role(row.String) == Owner:
		return ""
	}
	return Role(row.String)
}

func (d *Desk) readRole(q store.Queryer, w wallet.Address) (Role, error) {
	var row sql.NullString
	err := q.QueryRow("SELECT role FROM members WHERE wallet_address = ?", w).Scan(&row)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the role: %w", err)
	}
	return d.roleOf(w, row), nil
}

// owner is the wallet that owns the node, or nil.
func (d *Desk) owner(q store.Queryer) (*wallet.Address, error) {
	if d.pin != nil {
		return d.pin, nil
	}
	var w wallet.Address
	err := q.QueryRow("SELECT wallet_address FROM members WHERE role = 'owner'").Scan(&w)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &w, nil
}

// becomeOwner stores w as the owner. The caller has seen in this transaction
// that there is none, and the unique index holds should it be wrong.
func (d *Desk) becomeOwner(tx *store.Tx, w wallet.Address, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO members (wallet_address, role, added_at, updated_at) VALUES (?, 'owner', ?, ?)
		ON CONFLICT (wallet_address) DO UPDATE SET role = excluded.role, updated_at = excluded.updated_at`, w, now.UnixMilli(), now.UnixMilli())
	if err != nil {
		return fmt.Errorf("store the owner: %w", err)
	}
	tx.After(func() {
		d.claim.close(w)
		event.Publish(d.bus, Claimed{Owner: w})
	})
	return nil
}

// Admit lets w sign in as admin or member, or changes which of them it is. Only
// the owner makes or changes an admin.
func (d *Desk) Admit(ctx context.Context, by Principal, w wallet.Address, role Role) error {
	if role != Admin && role != Member {
		return invalid("role", "A role is admin or member.")
	}
	return d.changeMember(ctx, by, w, role, func(tx *store.Tx, _ Role, now time.Time) error {
		_, err := tx.Exec(`INSERT INTO members (wallet_address, role, added_by, added_at, updated_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (wallet_address) DO UPDATE SET role = excluded.role, updated_at = excluded.updated_at`,
			w, string(role), by.User.Wallet, now.UnixMilli(), now.UnixMilli())
		if err != nil {
			return fmt.Errorf("store the member: %w", err)
		}
		return Audit(tx, Record{Wallet: &by.User.Wallet, Action: MemberAdded, Resource: w.String(), Detail: map[string]any{"role": role}, At: now})
	})
}

// Dismiss ends the sessions of w, which can no longer sign in. Its files stay.
func (d *Desk) Dismiss(ctx context.Context, by Principal, w wallet.Address) error {
	return d.changeMember(ctx, by, w, "", func(tx *store.Tx, had Role, now time.Time) error {
		if had == "" {
			return errNoMember
		}
		if _, err := tx.Exec("DELETE FROM members WHERE wallet_address = ?", w); err != nil {
			return fmt.Errorf("remove the member: %w", err)
		}
		if _, err := d.end(tx, w, ReasonSuspended, endAll, now.UnixMilli(), w); err != nil {
			return err
		}
		return Audit(tx, Record{Wallet: &by.User.Wallet, Action: MemberRemoved, Resource: w.String(), At: now})
	})
}

// changeMember runs fn if by may turn w into a role, and forgets what is cached of w.
func (d *Desk) changeMember(ctx context.Context, by Principal, w wallet.Address, role Role, fn func(tx *store.Tx, had Role, now time.Time) error) error {
	if !by.Role.IsAdmin() {
		return errAdminOnly
	}
	return d.db.Write(ctx, func(tx *store.Tx) error {
		had, err := d.readRole(tx, w)
		if err != nil {
			return err
		}
		if had == Owner {
			return errOwnerIsFixed
		}
		if by.Role != Owner && (had == Admin || role == Admin) {
			return errOwnerOnly
		}
		tx.After(func() { d.cache.forget(w) })
		return fn(tx, had, d.now())
	})
}
