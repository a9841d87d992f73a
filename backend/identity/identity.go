package identity

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"pc2/backend/boson"
	"pc2/backend/store"
)

// Config says where the data directory is. Dir is required.
type Config struct {
	Dir           string
	RestorePhrase Phrase       // from ParsePhrase or ReadPhrase; the zero Phrase: none
	Keychain      Keychain     // nil: there is none
	Custody       Custody      // where the local key is to be
	Log           *slog.Logger // default: discard
}

// Identity is the node's keys. Its methods may be called from any goroutine.
type Identity struct {
	key     boson.Key
	data    func() DataKey // a closure for the same reason as in Phrase
	record  *record
	storeID string
}

// Open makes, opens or restores the identity of a data directory and opens its
// database, which the caller closes. See the package documentation for what it
// refuses. Dir is made when it is missing.
func Open(ctx context.Context, cfg Config) (*Identity, *store.DB, error) {
	return open(ctx, cfg, func(op, name string) {})
}

func open(ctx context.Context, cfg Config, step func(op, name string)) (*Identity, *store.DB, error) {
	if cfg.Dir == "" {
		return nil, nil, errors.New("no data directory named")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d, err := openDisk(cfg.Dir, cfg.Log.With("part", "identity"), step)
	if err != nil {
		return nil, nil, err
	}
	d.keychain = cfg.Keychain
	defer d.root.Close()
	o, db, err := d.open(ctx, cfg.RestorePhrase)
	if err != nil {
		return nil, nil, err
	}
	if err := d.lodge(ctx, o, db, cfg); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return newIdentity(o.key, o.data, o.record, o.format.StoreID), db, nil
}

func (d *disk) open(ctx context.Context, phrase Phrase) (*opening, *store.DB, error) {
	raw, err := d.read(formatFile, maxJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return d.first(ctx, phrase)
	}
	if err != nil {
		return nil, nil, err
	}
	return d.restart(ctx, raw, phrase)
}

// ID is the node ID.
func (i *Identity) ID() boson.ID { return i.key.ID() }

// Key is the node's key. It signs names and records, never what a stranger chose.
func (i *Identity) Key() boson.Key { return i.key }

// DataKey is the key that everything at rest is encrypted under.
func (i *Identity) DataKey() DataKey { return i.data() }

// Phrase unseals the recovery phrase. Whoever shows it has asked for a fresh
// proof of ownership and looked where the request came from.
func (i *Identity) Phrase() (Phrase, error) { return i.record.phrase(i.data(), i.storeID) }

// StoreID is the random name of these data: the same in format.json and pc2.db,
// and another one after a restore into an empty directory.
func (i *Identity) StoreID() string { return i.storeID }

// Created is when this directory's identity.json was made.
func (i *Identity) Created() time.Time { return i.record.CreatedAt }

// String names the node.
func (i *Identity) String() string { return "node " + i.ID().String() }

func newIdentity(key boson.Key, data DataKey, r *record, storeID string) *Identity {
	return &Identity{key: key, data: func() DataKey { return data }, record: r, storeID: storeID}
}
