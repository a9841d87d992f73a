package auth

import (
	"context"
	"fmt"
	"time"

	"pc2/backend/event"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

// Why a session ended.
const (
	ReasonRevoked   = "session_revoked" // by its person: signed out, here or from another session
	ReasonExpired   = "session_expired"
	ReasonSuspended = "account_suspended" // its wallet is no member any more
)

// SessionEnded is published on the bus after the end is committed, so that
// open sockets can be closed. An expiry is told by Run, within a minute.
type SessionEnded struct {
	SessionID string
	Wallet    wallet.Address
	Reason    string
}

// The statements that end sessions of a wallet; each returns their ids. The
// first parameter is the time.
const (
	endAll = `UPDATE sessions SET revoked_at = ? WHERE wallet_address = ? AND revoked_at IS NULL RETURNING session_id`

	// endOne: wallet, now, id twice. What depends on a session ends with it.
	endOne = `UPDATE sessions SET revoked_at = ? WHERE wallet_address = ? AND revoked_at IS NULL AND expires_at > ?
		AND (session_id = ? OR parent_session_id = ?) RETURNING session_id`

	// endOthers: wallet, now, own id, own too?, own id, own too?, apps too?
	endOthers = `UPDATE sessions SET revoked_at = ? WHERE wallet_address = ? AND revoked_at IS NULL AND expires_at > ?
		AND ((kind = 'web' AND (session_id <> ? OR ?)) OR (kind <> 'web' AND ((parent_session_id IS NOT NULL AND (parent_session_id <> ? OR ?)) OR ?)))
		RETURNING session_id`

	// endWindow: wallet, now, wallet. There is one window, so its earlier sessions are
	// of a process that has gone.
	endWindow = `UPDATE sessions SET revoked_at = ? WHERE wallet_address = ? AND revoked_at IS NULL AND expires_at > ?
		AND (created_via = 'desktop' OR parent_session_id IN (SELECT session_id FROM sessions WHERE wallet_address = ? AND created_via = 'desktop'))
		RETURNING session_id`

	// endIdlest: wallet, now, how many stay.
	endIdlest = `UPDATE sessions SET revoked_at = ? WHERE session_id IN (
		SELECT session_id FROM sessions WHERE wallet_address = ? AND kind = 'web' AND revoked_at IS NULL AND expires_at > ?
		ORDER BY last_activity DESC, created_at DESC, session_id LIMIT -1 OFFSET ?) RETURNING session_id`
)

// end runs one of the statements above and, once committed, forgets and tells.
func (d *Desk) end(tx *store.Tx, w wallet.Address, reason, query string, args ...any) (ids []string, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("end sessions: %w", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	if len(ids) > 0 {
		tx.After(func() {
			d.cache.forget(w)
			d.tell(w, reason, ids...)
		})
	}
	return ids, nil
}

func (d *Desk) tell(w wallet.Address, reason string, ids ...string) {
	for _, id := range ids {
		d.pairs.forget(id)
		event.Publish(d.bus, SessionEnded{SessionID: id, Wallet: w, Reason: reason})
	}
}

// announceExpired tells of the sessions that expired after since, until now.
func (d *Desk) announceExpired(ctx context.Context, since, now time.Time) error {
	rows, err := d.db.Read(ctx).Query(`SELECT session_id, wallet_address FROM sessions
		WHERE revoked_at IS NULL AND expires_at > ? AND expires_at <= ?`, since.UnixMilli(), now.UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		e := SessionEnded{Reason: ReasonExpired}
		if err := rows.Scan(&e.SessionID, &e.Wallet); err != nil {
			return err
		}
		d.pairs.forget(e.SessionID)
		event.Publish(d.bus, e)
	}
	return rows.Err()
}

// purge removes sessions that ended long ago, and old audit rows.
func (d *Desk) purge(ctx context.Context) error {
	now := d.now()
	return d.db.Write(ctx, func(tx *store.Tx) error {
		dead := now.Add(-deadKept).UnixMilli()
		if _, err := tx.Exec("DELETE FROM sessions WHERE revoked_at < ? OR expires_at < ?", dead, dead); err != nil {
			return err
		}
		return purgeAudit(tx, now.Add(-auditKept))
	})
}
