package identity

import (
	"context"
	"errors"
	"time"

	"pc2/backend/store"
)

// Custody is where the local key is to be. Wherever it is, Open finds it.
type Custody int

const (
	// AsIs leaves it where it is.
	AsIs Custody = iota
	// Headless is AsIs, and lets nobody take encryption.key away from now on: the
	// program starts where there is no keychain.
	Headless
	// Both adds a key in the keychain, when that is open.
	Both
	// Keychained is Both, and takes encryption.key away at a later start at which the
	// keychain opens the data by itself. See the package documentation.
	Keychained
	// File is encryption.key only.
	File
)

// Rows of settings: facts that decide whether encryption.key may go.
const (
	phraseGiven = "phrase_given" // somebody has opened or made these data by the recovery phrase
	headless    = "headless"     // a program without a desktop has opened them
)

// mayLeaveFile: the recovery phrase is known to somebody, and no program needs the file.
const mayLeaveFile = `SELECT (EXISTS (SELECT 1 FROM audit_logs WHERE action = 'phrase_shown') OR EXISTS (SELECT 1 FROM settings WHERE key = 'phrase_given'))
	AND NOT EXISTS (SELECT 1 FROM settings WHERE key = 'headless')`

// lodge brings the local key to where it is to be, now that the data are open.
// Where that fails, all is as before, and only File makes it an error: the
// others asked for nothing that a start depends on.
func (d *disk) lodge(ctx context.Context, o *opening, db *store.DB, cfg Config) error {
	if cfg.Custody == AsIs {
		return nil
	}
	var err error
	if !cfg.RestorePhrase.IsZero() {
		err = remember(ctx, db, phraseGiven)
	}
	switch cfg.Custody {
	case Headless:
		err = errors.Join(err, remember(ctx, db, headless))
	case Both, Keychained:
		if err == nil {
			err = d.toKeychain(ctx, o, db, cfg.Custody == Keychained)
		}
	case File:
		if err := d.toFile(ctx, o); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		d.log.WarnContext(ctx, "the local key stays where it is", "err", err)
	}
	return nil
}

// remember writes a fact down, once.
func remember(ctx context.Context, db *store.DB, fact string) error {
	var known bool
	if err := db.Read(ctx).QueryRow("SELECT EXISTS (SELECT 1 FROM settings WHERE key = ?)", fact).Scan(&known); err != nil || known {
		return err
	}
	return db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT OR IGNORE INTO settings (key, value, updated_at) VALUES (?, '1', ?)", fact, time.Now().UnixMilli())
		return err
	})
}

func (d *disk) toKeychain(ctx context.Context, o *opening, db *store.DB, leave bool) error {
	if d.keychain == nil {
		return nil
	}
	if o.byKeychain {
		if !o.noFile || !o.format.has(kindLocal) {
			return nil
		}
		o.format.drop(kindLocal) // killed between the two steps of leaveFile, or the file was lost
		return d.keepFormat(o)
	}
	had := o.format.has(kindKeychain)
	if had {
		var may bool
		if err := db.Read(ctx).QueryRow(mayLeaveFile).Scan(&may); err != nil {
			return err
		}
		if !leave || !may {
			return nil
		}
	}
	if err := d.keychain.Open(ctx); err != nil {
		d.log.InfoContext(ctx, "the keychain of this PC is not open, so the key stays in a file", "err", err)
		return nil
	}
	if had && d.keychainOpens(ctx, o) {
		return d.leaveFile(ctx, o)
	}
	if err := d.slotInKeychain(ctx, o); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "the keychain of this PC has a key to these data too")
	return nil
}

// keychainOpens says whether the keychain alone would open these data.
func (d *disk) keychainOpens(ctx context.Context, o *opening) bool {
	key, err := d.entry(ctx, o.format.StoreID)
	if err != nil {
		return false
	}
	data, err := o.format.open(kindKeychain, func(slot) [32]byte { return key })
	return err == nil && data.equal(o.data)
}

// leaveFile takes encryption.key away, which has just opened these data, and so
// has the keychain.
func (d *disk) leaveFile(ctx context.Context, o *opening) error {
	if err := d.remove(keyFile); err != nil {
		return err
	}
	if err := d.sync(); err != nil {
		return err
	}
	o.format.drop(kindLocal)
	if err := d.keepFormat(o); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "the key to these data is in the keychain of this PC now, and no longer in encryption.key")
	return nil
}

// toFile writes encryption.key again and takes the keychain's slot away. Its
// entry stays: a copy of this directory may need it.
func (d *disk) toFile(ctx context.Context, o *opening) error {
	if !o.format.has(kindKeychain) {
		return nil
	}
	if o.byKeychain {
		if o.noFile {
			o.local = random32()
			if err := d.keep(keyFile, encodeLocalKey(o.local)); err != nil {
				return err
			}
		}
		if err := o.format.put(slot{Kind: kindLocal}, o.local, o.data); err != nil {
			return err
		}
	}
	o.format.drop(kindKeychain)
	if err := d.keepFormat(o); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "the key to these data is in encryption.key now, and not in a keychain")
	return nil
}
