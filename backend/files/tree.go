package files

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"database/sql"

	"pc2/backend/content"
	"pc2/backend/event"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

// Unlimited is the capacity when there is no limit: the largest number that
// JavaScript counts exactly.
const Unlimited = 1<<53 - 1

// Config says what a Tree works with. DB, Content and Keyring are required.
type Config struct {
	DB       *store.DB
	Content  *content.Store
	Keyring  *content.Keyring
	Bus      *event.Bus       // default: nobody listens
	Log      *slog.Logger     // default: discard
	Capacity func() int64     // bytes for a user without a quota of their own; default: Unlimited. Asked once a write: it must be quick.
	Now      func() time.Time // default: time.Now
}

// Tree is the files of everybody. All methods may be called from any goroutine.
type Tree struct {
	db       *store.DB
	content  *content.Store
	keyring  *content.Keyring
	bus      *event.Bus
	log      *slog.Logger
	capacity func() int64
	now      func() time.Time
	recall   recall
	folders  folders
	uids     uids
}

// New returns a Tree; it starts nothing.
func New(cfg Config) *Tree {
	t := &Tree{db: cfg.DB, content: cfg.Content, keyring: cfg.Keyring, bus: cfg.Bus, log: cfg.Log, capacity: cfg.Capacity, now: cfg.Now}
	t.folders.found = map[asked]chain{}
	if t.bus == nil {
		t.bus = event.New()
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.log = t.log.With("part", "files")
	if t.capacity == nil {
		t.capacity = func() int64 { return Unlimited }
	}
	if t.now == nil {
		t.now = time.Now
	}
	return t
}

// Actor is on whose behalf something is done. They may do everything in their
// own home, and in every home when Admin; other homes do not exist for them.
type Actor struct {
	Wallet wallet.Address
	Admin  bool // owner or admin of the node
}

func (a Actor) sees(owner wallet.Address) bool {
	return a.Admin || (a.Wallet == owner && !a.Wallet.IsZero())
}

// defaults are the folders that every home has and keeps.
func defaults() []string {
	return []string{"Desktop", "Documents", "Pictures", "Videos", publicName, "AppData", trashName}
}

const (
	publicName = "Public"
	trashName  = "Trash"
)

// EnsureHome makes w's home and its default folders where they are missing.
// The users row must exist.
func (t *Tree) EnsureHome(ctx context.Context, w wallet.Address) error {
	have, err := countDefaults(t.db.Read(ctx), w)
	if err != nil || have == len(defaults()) {
		return err
	}
	err = t.db.Write(ctx, func(tx *store.Tx) error {
		t.folders.forget()
		var home int64
		err := tx.QueryRow("SELECT id FROM entries WHERE wallet_address = ? AND parent_id IS NULL", w).Scan(&home)
		if errors.Is(err, sql.ErrNoRows) {
			home, err = t.insertDefault(tx, w, sql.Null[int64]{}, w.String())
		}
		if err != nil {
			return err
		}
		for _, name := range defaults() {
			if _, err := t.insertDefault(tx, w, sql.Null[int64]{V: home, Valid: true}, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("make home: %w", err)
	}
	return nil
}

func (t *Tree) insertDefault(tx *store.Tx, w wallet.Address, parent sql.Null[int64], name string) (int64, error) {
	now := t.now().Unix()
	res, err := tx.Exec(`INSERT INTO entries (uid, wallet_address, parent_id, name, name_key, is_dir, immutable, created, modified, accessed)
		VALUES (?, ?, ?, ?, ?, 1, 1, ?, ?, ?) ON CONFLICT (parent_id, name_key) DO NOTHING`,
		t.uids.make(), w, parent, name, nameKey(name), now, now, now)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func countDefaults(q store.Queryer, w wallet.Address) (n int, err error) {
	err = q.QueryRow(`SELECT count(*) FROM entries h JOIN entries e ON e.parent_id = h.id AND e.immutable = 1
		WHERE h.wallet_address = ? AND h.parent_id IS NULL`, w).Scan(&n)
	return n, err
}

// Usage is how many bytes the current files of w have in sum, and how many they may have.
func (t *Tree) Usage(ctx context.Context, w wallet.Address) (used, capacity int64, err error) {
	return usage(t.db.Read(ctx), w, t.capacity())
}

// usage reads what w uses and may use; node is the limit of the node.
func usage(q store.Queryer, w wallet.Address, node int64) (used, capacity int64, err error) {
	var quota sql.Null[int64]
	err = q.QueryRow("SELECT used_bytes, quota_bytes FROM users WHERE wallet_address = ?", w).Scan(&used, &quota)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, ErrNotFound
	}
	if quota.Valid {
		node = quota.V
	}
	return used, node, err
}

// LastChange is when w's tree changed last, in milliseconds; it grows with every
// change. 0: never.
func (t *Tree) LastChange(ctx context.Context, w wallet.Address) (ms int64, err error) {
	err = t.db.Read(ctx).QueryRow("SELECT last_change FROM users WHERE wallet_address = ?", w).Scan(&ms)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return ms, err
}
