package auth

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"pc2/backend/store"
	"pc2/backend/wallet"
)

const (
	// touchEvery bounds how often a session's activity is written.
	touchEvery = 5 * time.Minute
	// maxSessions of one wallet live at a time; the longest idle make room.
	maxSessions = 200
	// deadKept is how long the client of an ended session can still learn why.
	deadKept = 30 * 24 * time.Hour
)

// KindWeb is the session of a person; kinds for apps and devices come with them.
const KindWeb = "web"

// Session is one sign-in, without its secret.
type Session struct {
	ID           string // a random UUID, no part of the token
	Kind         string
	Label        string
	AppUID       string // "" unless it is an app's
	Parent       string // id of the session that it depends on, or ""
	CreatedVia   string // "wallet"
	CreatedAt    time.Time
	LastActivity time.Time // up to five minutes behind
	ExpiresAt    time.Time // moves with use
	LastIP       string
	UserAgent    string

	absolute time.Time // ExpiresAt never moves past it
}

// User is a wallet that has signed in here.
type User struct {
	ID           int64
	UUID         string
	Wallet       wallet.Address
	SmartAccount *wallet.Address // a claim for display, never proven
	DisplayName  string          // "" until one is set
	EmailHint    string          // what a wallet provider said, never proven
	CreatedAt    time.Time
	LastLogin    time.Time
}

// Principal is who makes a request.
type Principal struct {
	User    User
	Role    Role
	Session Session
}

const (
	sessionColumns = `s.session_id, s.kind, s.label, COALESCE(s.app_uid, ''), COALESCE(s.parent_session_id, ''), s.created_via,
		s.created_at, s.last_activity, s.expires_at, s.absolute_expires_at, s.last_ip, s.user_agent`
	userColumns = `u.id, u.uuid, u.wallet_address, u.smart_account_address, COALESCE(u.display_name, ''), COALESCE(u.email_hint, ''),
		u.created_at, COALESCE(u.last_login, 0)`
)

func (s *Session) columns() []any {
	return []any{&s.ID, &s.Kind, &s.Label, &s.AppUID, &s.Parent, &s.CreatedVia,
		ms{&s.CreatedAt}, ms{&s.LastActivity}, ms{&s.ExpiresAt}, ms{&s.absolute}, &s.LastIP, &s.UserAgent}
}

func (u *User) columns() []any {
	return []any{&u.ID, &u.UUID, &u.Wallet, &u.SmartAccount, &u.DisplayName, &u.EmailHint, ms{&u.CreatedAt}, ms{&u.LastLogin}}
}

// ms scans milliseconds into a time.
type ms struct{ t *time.Time }

func (m ms) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("scan time from %T", src)
	}
	*m.t = time.UnixMilli(n)
	return nil
}

// issue makes a new session for u in tx; those of the wallet that exceed
// maxSessions by it are ended.
func (d *Desk) issue(tx *store.Tx, u User, via, label string, ip netip.Addr, ua string, now time.Time) (Token, Session, error) {
	t := newToken()
	s := Session{
		ID: uuid.NewString(), Kind: KindWeb, Label: label, CreatedVia: via,
		CreatedAt: now, LastActivity: now, absolute: now.Add(d.absolute), UserAgent: clip(ua, 256), LastIP: ipString(ip),
	}
	s.ExpiresAt = d.slide(s, now)
	at := now.UnixMilli()
	if _, err := d.end(tx, u.Wallet, ReasonRevoked, endIdlest, at, u.Wallet, at, maxSessions-1); err != nil {
		return t, s, err
	}
	h := t.hash()
	_, err := tx.Exec(`INSERT INTO sessions (token_hash, session_id, wallet_address, kind, label, created_via,
		created_at, last_activity, expires_at, absolute_expires_at, last_ip, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		h[:], s.ID, u.Wallet, s.Kind, s.Label, s.CreatedVia, at, at, s.ExpiresAt.UnixMilli(), s.absolute.UnixMilli(), s.LastIP, s.UserAgent)
	if err != nil {
		return t, s, fmt.Errorf("store the session: %w", err)
	}
	return t, s, nil
}

// slide is when s ends if it was last used at now.
func (d *Desk) slide(s Session, now time.Time) time.Time {
	if t := now.Add(d.sliding); t.Before(s.absolute) {
		return t
	}
	return s.absolute
}

// Authenticate says whose session a token is. It usually touches no disk: the
// answer is cached, and the session's activity is written at most once in five
// minutes. Failures are ErrTokenMissing, ErrTokenUnknown, ErrExpired,
// ErrRevoked and ErrSuspended; anything else is the database's.
func (d *Desk) Authenticate(ctx context.Context, token string, ip netip.Addr, ua string) (Principal, error) {
	if token == "" {
		return Principal{}, ErrTokenMissing
	}
	t, ok := ParseToken(token)
	if !ok {
		return Principal{}, ErrTokenUnknown
	}
	h, now := t.hash(), d.now()
	p, due, ok := d.cache.get(h, now)
	if !ok {
		var err error
		if p, err = d.load(ctx, h, now); err != nil {
			return Principal{}, err
		}
		due = now.Sub(p.Session.LastActivity) >= touchEvery
	}
	if !now.Before(p.Session.ExpiresAt) {
		return Principal{}, ErrExpired
	}
	if due {
		p.Session.LastActivity, p.Session.ExpiresAt = now, d.slide(p.Session, now)
		d.touch(ctx, h, p.Session, ip, ua)
	}
	return p, nil
}

// load reads the session with this hash and remembers it if it is alive.
func (d *Desk) load(ctx context.Context, h [32]byte, now time.Time) (Principal, error) {
	gen := d.cache.generation()
	var p Principal
	var stored []byte
	var role sql.NullString
	var revoked sql.NullInt64
	var disabled bool
	err := d.db.Read(ctx).QueryRow(`SELECT s.token_hash, s.revoked_at, u.disabled, m.role, `+userColumns+`, `+sessionColumns+`
		FROM sessions s JOIN users u ON u.wallet_address = s.wallet_address LEFT JOIN members m ON m.wallet_address = s.wallet_address
		WHERE s.token_hash = ? AND s.kind = 'web'`, h[:]).
		Scan(append(append([]any{&stored, &revoked, &disabled, &role}, p.User.columns()...), p.Session.columns()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return p, ErrTokenUnknown
	}
	if err != nil {
		return p, fmt.Errorf("read the session: %w", err)
	}
	if subtle.ConstantTimeCompare(stored, h[:]) != 1 {
		return p, ErrTokenUnknown
	}
	// Membership comes first: who was put out hears that, not that a new login would help.
	if p.Role = d.roleOf(p.User.Wallet, role); p.Role == "" || disabled {
		d.expel(ctx, h, p)
		return p, ErrSuspended
	}
	if revoked.Valid {
		return p, ErrRevoked
	}
	if now.Before(p.Session.ExpiresAt) {
		d.cache.put(h, p, p.Session.LastActivity, gen)
	}
	return p, nil
}

// touch writes that a session is in use. A failure does not concern the
// request: on a full disk people can still read, and the next try is in five minutes.
func (d *Desk) touch(ctx context.Context, h [32]byte, s Session, ip netip.Addr, ua string) {
	at := s.LastActivity.UnixMilli()
	err := d.db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET last_activity = ?, expires_at = ?, last_ip = ?, user_agent = ?
			WHERE token_hash = ? AND revoked_at IS NULL AND last_activity <= ?`,
			at, s.ExpiresAt.UnixMilli(), ipString(ip), clip(ua, 256), h[:], at-touchEvery.Milliseconds())
		tx.After(func() { d.cache.extend(h, s.LastActivity, s.ExpiresAt) })
		return err
	})
	if err != nil {
		d.log.Warn("session not extended", "session", s.ID, "err", err)
	}
}

// expel deletes the session of a wallet that is no member any more. It is
// refused either way, so a failure is only noted.
func (d *Desk) expel(ctx context.Context, h [32]byte, p Principal) {
	err := d.db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		_, err := tx.Exec("DELETE FROM sessions WHERE token_hash = ?", h[:])
		tx.After(func() {
			d.cache.forget(p.User.Wallet)
			d.tell(p.User.Wallet, ReasonSuspended, p.Session.ID)
		})
		return err
	})
	if err != nil {
		d.log.Warn("session of a former member not deleted", "session", p.Session.ID, "err", err)
	}
}

func ipString(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.Unmap().String()
}
