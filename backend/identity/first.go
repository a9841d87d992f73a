package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"pc2/backend/store"
)

// first makes the identity of a directory that has no format.json: a new one,
// or that of the phrase.
func (d *disk) first(ctx context.Context, phrase Phrase) (*opening, *store.DB, error) {
	if err := d.unused(ctx); err != nil {
		return nil, nil, err
	}
	if err := d.tighten(ctx); err != nil {
		return nil, nil, err
	}
	restored := !phrase.IsZero()
	if !restored {
		phrase = phraseOf(random32())
	}
	o, err := d.make(ctx, phrase)
	if err != nil {
		return nil, nil, fmt.Errorf("make data directory: %w", err)
	}
	db, err := d.openStore(ctx, o.format.StoreID)
	if err != nil {
		return nil, nil, err
	}
	d.log.InfoContext(ctx, "made a data directory", "node", o.key.ID(), "from_phrase", restored)
	return o, db, nil
}

// make writes the four files; format.json, the last, is the commit point.
func (d *disk) make(ctx context.Context, phrase Phrase) (*opening, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	local, data, salt := random32(), DataKey(random32()), random32()
	storeID := make([]byte, 16)
	rand.Read(storeID)
	f := &format{Format: formatVersion, Created: now, StoreID: hex.EncodeToString(storeID)}
	roots := phrase.roots()
	key := roots.node()
	r := newRecord(key, phrase, data, f.StoreID, now)
	recordJSON, err1 := r.encode()
	err2 := f.put(slot{Kind: kindLocal}, local, data)
	err3 := f.put(slot{Kind: kindPhrase, Salt: salt[:]}, roots.slot(salt[:]), data)
	formatJSON, err4 := f.encode()
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}

	if err := d.put(keyFile, encodeLocalKey(local)); err != nil {
		return nil, err
	}
	if err := d.put(recordFile, recordJSON); err != nil {
		return nil, err
	}
	if err := d.newDatabase(ctx, f.StoreID); err != nil {
		return nil, fmt.Errorf("make %s: %w", dbFile, err)
	}
	if err := d.sync(); err != nil {
		return nil, err
	}
	d.syncParents(ctx)
	if err := d.keep(formatFile, formatJSON); err != nil {
		return nil, err
	}
	return &opening{format: f, data: data, key: key, record: r, local: local}, nil
}

// unused refuses a directory in which somebody's data may lie, although it has
// no format.json. What an interrupted first start leaves is none.
func (d *disk) unused(ctx context.Context) error {
	const lost = "is here, but format.json is missing: without it these data cannot be decrypted. Put format.json back from a backup."
	if info, err := d.root.Lstat("."); err != nil || info.Mode()&fs.ModeSticky != 0 { // such as /tmp
		return errors.Join(refuse("the data directory", "is shared with other users of this PC.", nil), err)
	}
	err := fs.WalkDir(d.root.FS(), "objects", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			err = refuse("objects", lost, errors.New(path))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old, err := d.read(recordFile, maxJSON)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if bytes.Contains(old, []byte(`"privateKey"`)) {
		return refuse(recordFile, "holds a private key of another program. Move it away first.", nil)
	}
	if _, err := d.stat(keyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.unusedDatabase(ctx, lost)
}

func (d *disk) unusedDatabase(ctx context.Context, lost string) error {
	hot, err := d.hot()
	if err != nil {
		return err
	}
	if hot { // a first start closes the database before it gets its name
		return refuse(dbFile+"-wal", lost, nil)
	}
	info, err := d.stat(dbFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	var used bool
	err = d.peek(ctx, inUse, &used)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || used {
		return refuse(dbFile, lost, err)
	}
	return nil
}
