package identity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"pc2/backend/boson"
	"pc2/backend/store"
)

// opening is what restart has found out, and what it will write.
type opening struct {
	format *format
	data   DataKey
	key    boson.Key
	record *record

	putRecord bool // identity.json
	putKey    bool // encryption.key
	putSlot   bool // a slot for the local key

	local      [32]byte // the key in encryption.key
	noFile     bool     // there is no encryption.key
	byKeychain bool     // it was the keychain that opened the data key
}

// restart opens a directory that has format.json. Everything is read and checked
// before the first byte is changed.
func (d *disk) restart(ctx context.Context, raw []byte, phrase Phrase) (*opening, *store.DB, error) {
	f, err := parseFormat(raw)
	if err != nil {
		return nil, nil, err
	}
	if err := d.guarded(); err != nil {
		return nil, nil, err
	}
	o := &opening{format: f}
	if err := d.unlock(ctx, o, phrase); err != nil {
		return nil, nil, err
	}
	if err := d.identify(o, phrase); err != nil {
		return nil, nil, err
	}
	if err := d.sameStore(ctx, f.StoreID); err != nil {
		return nil, nil, err
	}
	db, err := d.openStore(ctx, f.StoreID)
	if err != nil {
		return nil, nil, err
	}
	if err := d.settle(ctx, o); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open data directory: %w", err), db.Close())
	}
	return o, db, nil
}

// settle makes the changes, now that everything has been found in order.
func (d *disk) settle(ctx context.Context, o *opening) error {
	if err := d.tighten(ctx); err != nil {
		return err
	}
	if err := d.restore(ctx, o); err != nil {
		return err
	}
	return d.sweep()
}

// unlock opens the data key: by encryption.key, else by the keychain, else by the phrase.
func (d *disk) unlock(ctx context.Context, o *opening, phrase Phrase) error {
	opened, why, err := d.byFile(o)
	if err != nil || opened {
		return err
	}
	if o.format.has(kindKeychain) {
		if why = d.unlockByKeychain(ctx, o); why == nil {
			o.byKeychain = true
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if phrase.IsZero() {
		return why
	}
	if o.data, err = o.byPhrase(phrase); err != nil {
		return err
	}
	// A local key that opens nothing is kept: it is what a restore leaves that was
	// interrupted before its slot was written, or else belongs to other data.
	if o.noFile {
		o.local = random32()
	}
	o.putKey, o.putSlot = o.noFile, true
	return nil
}

// byFile tries encryption.key. why says, when it is not the key to these data,
// what a person can do; one that cannot be read is err.
func (d *disk) byFile(o *opening) (opened bool, why, err error) {
	const by = " or move it away and start once with --restore-phrase-file."
	raw, err := d.read(keyFile, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		o.noFile = true
		return false, refuse(keyFile, "is missing. Put it back from a backup, or start once with --restore-phrase-file.", nil), nil
	}
	if err != nil {
		return false, nil, err
	}
	if o.local, err = parseLocalKey(raw); err != nil {
		return false, nil, refuse(keyFile, "is damaged. Put it back from a backup,"+by, err)
	}
	if o.data, err = o.format.open(kindLocal, func(slot) [32]byte { return o.local }); err != nil {
		return false, refuse(keyFile, "does not open format.json: one of them is of another data directory, or damaged. Put the right one back from a backup,"+by, err), nil
	}
	return true, nil, nil
}

func (o *opening) byPhrase(phrase Phrase) (DataKey, error) {
	roots := phrase.roots()
	data, err := o.format.open(kindPhrase, func(s slot) [32]byte { return roots.slot(s.Salt) })
	if errors.Is(err, errNoSlot) {
		return DataKey{}, refuse(formatFile, "has no key slot for a recovery phrase.", err)
	}
	if err != nil {
		return DataKey{}, ErrOtherPhrase.Because(err)
	}
	return data, nil
}

// identify opens identity.json. One that is missing is made from the phrase.
func (d *disk) identify(o *opening, phrase Phrase) error {
	raw, err := d.read(recordFile, maxJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return d.remake(o, phrase)
	}
	if err != nil {
		return err
	}
	if o.record, err = parseRecord(raw); err != nil {
		return err
	}
	var have Phrase
	if o.key, have, err = o.record.open(o.data, o.format.StoreID); err != nil {
		return refuse(recordFile, "does not belong to format.json: it is of another data directory, or damaged. Put the right one back from a backup, or move it away and start once with --restore-phrase-file.", err)
	}
	if !phrase.IsZero() && !phrase.equal(have) {
		return ErrOtherPhrase
	}
	return nil
}

// remake makes identity.json anew from a phrase that opens this directory.
func (d *disk) remake(o *opening, phrase Phrase) error {
	if phrase.IsZero() {
		return refuse(recordFile, "is missing. Put it back from a backup, or start once with --restore-phrase-file.", nil)
	}
	data, err := o.byPhrase(phrase)
	if err != nil {
		return err
	}
	if !data.equal(o.data) {
		return refuse(formatFile, "is damaged: its key slots hold different keys. Put it back from a backup.", nil)
	}
	o.key = phrase.roots().node()
	o.record = newRecord(o.key, phrase, o.data, o.format.StoreID, time.Now().UTC().Truncate(time.Millisecond))
	o.putRecord = true
	return nil
}

// restore writes what the phrase has brought back: each file is durable before
// the next, and format.json, which makes the local key count, is the last.
func (d *disk) restore(ctx context.Context, o *opening) error {
	if o.putRecord {
		b, err := o.record.encode()
		if err != nil {
			return err
		}
		if err := d.keep(recordFile, b); err != nil {
			return err
		}
		d.log.WarnContext(ctx, "made identity.json anew from the recovery phrase", "node", o.key.ID())
	}
	if o.putKey {
		if err := d.keep(keyFile, encodeLocalKey(o.local)); err != nil {
			return err
		}
	}
	if o.putSlot {
		if err := o.format.put(slot{Kind: kindLocal}, o.local, o.data); err != nil {
			return err
		}
		if err := d.keepFormat(o); err != nil {
			return err
		}
		d.log.InfoContext(ctx, "opened the data by the recovery phrase and gave them a local key", "node", o.key.ID())
	}
	return nil
}

// sweep removes what interrupted writes have left.
func (d *disk) sweep() error {
	for _, name := range []string{keyFile, recordFile, formatFile} {
		if err := d.remove(name + scratch); err != nil {
			return err
		}
	}
	return nil
}
