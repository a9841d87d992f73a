package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"pc2/backend/store"
)

const (
	dbFile     = "pc2.db"
	storeIDKey = "store_id" // in settings
)

const (
	readStoreID = "SELECT value FROM settings WHERE key = 'store_id'"
	// inUse is true once anybody has signed in, was invited, or stored something.
	inUse = "SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM members) OR EXISTS (SELECT 1 FROM object)"
)

// newDatabase makes pc2.db with the store id in it. It is made beside and
// closed before it gets its name, so that pc2.db is whole or absent and needs no WAL.
func (d *disk) newDatabase(ctx context.Context, storeID string) error {
	const name = dbFile + scratch
	// A WAL of the database before would be taken for one of the new database.
	for _, n := range []string{name, name + "-wal", name + "-shm", dbFile + "-wal", dbFile + "-shm"} {
		if err := d.remove(n); err != nil {
			return err
		}
	}
	d.step("create", name)
	db, err := store.Open(ctx, store.Config{Path: d.join(name), Readers: 1, Log: d.log})
	if err != nil {
		return err
	}
	err = db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO settings (key, value, updated_at) VALUES (?, ?, ?)", storeIDKey, storeID, time.Now().UnixMilli())
		return err
	})
	d.step("close", name)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if _, err := d.root.Lstat(name + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s was closed but its WAL is still there", name)
	}
	f, err := d.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	d.step("sync", name)
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return d.rename(name, dbFile)
}

// peek runs a query on pc2.db as it lies in the main file: without its WAL,
// without a lock and without changing a byte of it or making a file beside it.
func (d *disk) peek(ctx context.Context, query string, dest any) error {
	q := url.Values{"mode": {"ro"}, "immutable": {"1"}, "_pragma": {"trusted_schema(0)"}}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: d.join(dbFile)}).EscapedPath(), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return err
	}
	return errors.Join(db.QueryRowContext(ctx, query).Scan(dest), db.Close())
}

// hot says whether there is a WAL with something in it.
func (d *disk) hot() (bool, error) {
	info, err := d.stat(dbFile + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Size() > 0, err
}

// foreign is the refusal of a database that is not format.json's.
func foreign(cause error) error {
	return refuse(dbFile, "does not belong to format.json: it is of another data directory, or damaged. Put the right one back from a backup.", cause)
}

// sameStore refuses a pc2.db that is missing or has another store id, as far as
// that can be told without opening it.
func (d *disk) sameStore(ctx context.Context, storeID string) error {
	info, err := d.stat(dbFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return refuse(dbFile, "is missing, although this directory has been in use. Put it back from a backup.", err)
	}
	if err != nil {
		return err
	}
	var have string
	err = d.peek(ctx, readStoreID, &have)
	if err == nil && have == storeID {
		return nil
	}
	if err == nil {
		// Certain, even beside a WAL: the row is in the main file since before
		// format.json was there, and no checkpoint writes another id.
		return foreign(fmt.Errorf("store id %q, format.json has %q", have, storeID))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	hot, herr := d.hot()
	if herr != nil {
		return herr
	}
	if !hot {
		return foreign(err)
	}
	// Power may have been lost while the WAL was being copied into the main file,
	// which can then not be read alone. openStore tells.
	return nil
}

// openStore opens pc2.db and checks its store id with the WAL taken into account.
func (d *disk) openStore(ctx context.Context, storeID string) (*store.DB, error) {
	db, err := store.Open(ctx, store.Config{Path: d.join(dbFile), Spare: true, Log: d.log})
	if err != nil {
		return nil, err
	}
	var have string
	err = db.Read(ctx).QueryRow(readStoreID).Scan(&have)
	if err == nil && have == storeID {
		return db, nil
	}
	if err == nil {
		err = fmt.Errorf("store id %q, format.json has %q", have, storeID)
	}
	return nil, errors.Join(foreign(err), db.Close())
}
