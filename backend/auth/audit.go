package auth

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"pc2/backend/store"
	"pc2/backend/wallet"
)

// What this package writes down.
const (
	AuthLogin      = "auth_login"
	AuthLogout     = "auth_logout"
	OwnerClaimed   = "owner_claimed"
	SessionRevoked = "session_revoked"
	PhraseShown    = "phrase_shown"
	MemberAdded    = "member_added"
	MemberRemoved  = "member_removed"
)

// auditKept is how long people can read what was done.
const auditKept = 90 * 24 * time.Hour

// Record is one thing that somebody did.
type Record struct {
	Wallet    *wallet.Address // nil: somebody unknown
	Action    string
	Resource  string         // "" is stored as NULL
	Detail    map[string]any // JSON; never secrets
	IP        netip.Addr
	UserAgent string
	At        time.Time
}

// Audit appends r to audit_logs, in the transaction of the act itself: neither
// is there without the other. The row carries the hash of the row before it:
//
//	prev_hash = SHA-256("pc2 audit v1\n" ‖ row), 32 zero bytes in the first row ever
//	row       = id ‖ wallet_address ‖ action ‖ resource ‖ ip_address ‖ user_agent ‖ detail ‖ created_at ‖ prev_hash
//
// Numbers are 8 bytes big endian, prev_hash is 32 bytes, and each text is 0x00
// if NULL, else 0x01 ‖ length in 8 bytes ‖ bytes. So a row that was changed or
// removed shows in the row after it; the newest row is vouched for by none yet.
func Audit(tx *store.Tx, r Record) error {
	row := auditRow{
		wallet: nullable(""), action: r.Action, resource: nullable(r.Resource),
		ua: clip(r.UserAgent, 256), at: r.At.UnixMilli(), prev: make([]byte, sha256.Size),
	}
	if r.IP.IsValid() {
		row.ip = r.IP.Unmap().String()
	}
	if r.Wallet != nil {
		row.wallet = nullable(r.Wallet.String())
	}
	if len(r.Detail) > 0 {
		raw, err := json.Marshal(r.Detail)
		if err != nil {
			return fmt.Errorf("audit %s: %w", r.Action, err)
		}
		row.detail = nullable(string(raw))
	}
	var last auditRow
	switch err := last.scan(tx.QueryRow(selectAudit + " ORDER BY id DESC LIMIT 1")); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return fmt.Errorf("audit %s: %w", r.Action, err)
	default:
		row.prev = last.hash()
	}
	_, err := tx.Exec(`INSERT INTO audit_logs (id, wallet_address, action, resource, ip_address, user_agent, detail, created_at, prev_hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, last.id+1, row.wallet, row.action, row.resource, row.ip, row.ua, row.detail, row.at, row.prev)
	if err != nil {
		return fmt.Errorf("audit %s: %w", r.Action, err)
	}
	return nil
}

// VerifyAudit walks the chain and returns an error that names the first row
// whose predecessor was changed or removed. Old rows are removed from the
// front, so the first row's own prev_hash proves nothing.
func VerifyAudit(q store.Queryer) error {
	rows, err := q.Query(selectAudit + " ORDER BY id")
	if err != nil {
		return err
	}
	defer rows.Close()
	var want []byte
	for rows.Next() {
		var r auditRow
		if err := r.scan(rows); err != nil {
			return err
		}
		if want != nil && string(r.prev) != string(want) {
			return fmt.Errorf("audit row %d: what was before it has been changed or removed", r.id)
		}
		want = r.hash()
	}
	return rows.Err()
}

const selectAudit = "SELECT id, wallet_address, action, resource, ip_address, user_agent, detail, created_at, prev_hash FROM audit_logs"

type auditRow struct {
	id       int64
	wallet   sql.NullString
	action   string
	resource sql.NullString
	ip, ua   string
	detail   sql.NullString
	at       int64
	prev     []byte
}

func (r *auditRow) scan(s interface{ Scan(...any) error }) error {
	return s.Scan(&r.id, &r.wallet, &r.action, &r.resource, &r.ip, &r.ua, &r.detail, &r.at, &r.prev)
}

func (r *auditRow) hash() []byte {
	b := binary.BigEndian.AppendUint64([]byte("pc2 audit v1\n"), uint64(r.id))
	some := func(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }
	for _, t := range []sql.NullString{r.wallet, some(r.action), r.resource, some(r.ip), some(r.ua), r.detail} {
		if !t.Valid {
			b = append(b, 0)
			continue
		}
		b = binary.BigEndian.AppendUint64(append(b, 1), uint64(len(t.String)))
		b = append(b, t.String...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.at))
	sum := sha256.Sum256(append(b, r.prev...))
	return sum[:]
}

// purgeAudit removes rows from the front, so that the chain stays whole, and
// never the newest, which the next row has to name.
func purgeAudit(tx *store.Tx, before time.Time) error {
	_, err := tx.Exec(`DELETE FROM audit_logs WHERE id < COALESCE(
		(SELECT min(id) FROM audit_logs WHERE created_at >= ?), (SELECT max(id) FROM audit_logs))`, before.UnixMilli())
	return err
}

func nullable(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// SignIn is one line of a wallet's login history.
type SignIn struct {
	IP        string
	UserAgent string
	Method    string // "eoa"
	At        time.Time
}

// LoginHistory is when and from where w signed in, newest first.
func (d *Desk) LoginHistory(ctx context.Context, w wallet.Address, limit int) ([]SignIn, error) {
	rows, err := d.db.Read(ctx).Query(`SELECT ip_address, user_agent, COALESCE(detail ->> '$.method', ''), created_at FROM audit_logs
		WHERE wallet_address = ? AND action = 'auth_login' ORDER BY created_at DESC, id DESC LIMIT ?`, w, min(max(limit, 1), 200))
	if err != nil {
		return nil, fmt.Errorf("login history: %w", err)
	}
	defer rows.Close()
	out := []SignIn{}
	for rows.Next() {
		var s SignIn
		var at int64
		if err := rows.Scan(&s.IP, &s.UserAgent, &s.Method, &at); err != nil {
			return nil, fmt.Errorf("login history: %w", err)
		}
		s.At = time.UnixMilli(at)
		out = append(out, s)
	}
	return out, rows.Err()
}
