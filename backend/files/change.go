package files

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"pc2/backend/event"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

// change is one operation inside its transaction: what it does to the rows, to
// what their owners use, and what is told afterwards.
//
// A folder's own time of modification follows its list of children, as on a disk:
// it is set when a child comes, goes or is renamed, not when one is written to.
type change struct {
	t        *Tree
	tx       *store.Tx
	now      time.Time
	sec      int64
	origin   string
	capacity int64 // of the node, asked before the transaction: it may look at the disk
	events   []Changed
	used     map[wallet.Address]int64 // by how many bytes it changes
}

// write runs fn as one change in one transaction.
func (t *Tree) write(ctx context.Context, origin string, fn func(*change) error) error {
	return t.db.Write(ctx, t.changing(origin, t.capacity(), rearranging(fn)))
}

// free is write for a change that frees space.
func (t *Tree) free(ctx context.Context, origin string, fn func(*change) error) error {
	return t.db.Free(ctx, t.changing(origin, 0, rearranging(fn))) // nothing grows, so no limit is asked for
}

// rearranging is fn for any change but the writing of a file.
func rearranging(fn func(*change) error) func(*change) error {
	return func(c *change) error {
		c.t.folders.forget()
		return fn(c)
	}
}

// changing is the transaction of one change.
func (t *Tree) changing(origin string, capacity int64, fn func(*change) error) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		now := t.now()
		c := &change{t: t, tx: tx, now: now, sec: now.Unix(), origin: origin, capacity: capacity, used: map[wallet.Address]int64{}}
		if err := fn(c); err != nil {
			return err
		}
		return c.end()
	}
}

// end accounts for the change and has it told once it is committed.
func (c *change) end() error {
	if len(c.events) == 0 {
		return nil // nothing happened
	}
	for i := range c.events {
		c.used[c.events[i].Owner] += 0
	}
	stamps := map[wallet.Address]int64{}
	for owner, delta := range c.used {
		var used, stamp int64
		var quota sql.Null[int64]
		err := c.tx.QueryRow(`UPDATE users SET used_bytes = used_bytes + ?, last_change = max(last_change + 1, ?)
			WHERE wallet_address = ? RETURNING used_bytes, quota_bytes, last_change`, delta, c.now.UnixMilli(), owner).Scan(&used, &quota, &stamp)
		if err != nil {
			return fmt.Errorf("account for the change: %w", err)
		}
		limit := c.capacity
		if quota.Valid {
			limit = quota.V
		}
		if delta > 0 && used > limit {
			return ErrQuota
		}
		stamps[owner] = stamp
	}
	for i := range c.events {
		e := &c.events[i]
		e.Time, e.Origin, e.LastChange = c.now, c.origin, stamps[e.Owner]
	}
	c.tx.After(func() {
		for _, e := range c.events {
			event.Publish(c.t.bus, e)
		}
	})
	return nil
}

// tell notes an event about the last entry of a chain.
func (c *change) tell(op Op, at chain) Entry {
	e := at.entry()
	c.events = append(c.events, Changed{Owner: e.Owner, Op: op, Entry: e})
	return e
}

// checkRoom says whether an owner may have n more bytes, before much work is done
// for them; end says it in any case.
func (c *change) checkRoom(owner wallet.Address, n int64) error {
	used, limit, err := usage(c.tx, owner, c.capacity)
	if err != nil {
		return err
	}
	if n > 0 && used+c.used[owner]+n > limit {
		return ErrQuota
	}
	return nil
}

// errTaken: the folder has an entry of that name, and nothing has been changed.
var errTaken = errors.New("the name is taken")

// insert adds r to a folder, and says so.
func (c *change) insert(folder chain, r row) (chain, error) {
	at := folder.with(r)
	if err := checkPlace(at); err != nil {
		return nil, err
	}
	if r.isDir {
		c.t.folders.forget()
	}
	n := at.last()
	n.uid, n.owner, n.rev, n.empty = c.t.uids.make(), folder.owner(), 1, r.isDir
	n.created, n.modified, n.accessed = c.sec, c.sec, c.sec
	res, err := c.tx.Exec(`INSERT INTO entries (uid, wallet_address, parent_id, name, name_key, is_dir, size, mime_type, object, key, root, metadata, created, modified, accessed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (parent_id, name_key) DO NOTHING`,
		n.uid, n.owner, folder.last().id, n.name, nameKey(n.name), n.isDir, n.size, n.mime, n.object, n.key, n.root, n.metadata, n.created, n.modified, n.accessed)
	if err != nil {
		return nil, fmt.Errorf("insert entry: %w", err)
	}
	if made, err := res.RowsAffected(); err != nil || made == 0 {
		return nil, errors.Join(errTaken, err)
	}
	if n.id, err = res.LastInsertId(); err != nil {
		return nil, err
	}
	if err := c.childrenChanged(folder); err != nil {
		return nil, err
	}
	c.used[n.owner] += n.size
	c.tell(Added, at)
	return at, nil
}

// folders makes the named folders, one inside the other.
func (c *change) folders(at chain, names []string) (chain, error) {
	for _, name := range names {
		var err error
		if at, err = c.insert(at, row{name: name, isDir: true}); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// childrenChanged notes that the list of a folder's children is another one.
func (c *change) childrenChanged(folder chain) error {
	f := folder.last()
	f.empty = false
	if f.modified == c.sec {
		return nil
	}
	f.modified = c.sec
	if _, err := c.tx.Exec("UPDATE entries SET modified = ? WHERE id = ?", c.sec, f.id); err != nil {
		return fmt.Errorf("update folder: %w", err)
	}
	return nil
}

// remove deletes a file or an empty folder, and says so.
func (c *change) remove(at chain) error {
	r := at.last()
	if r.immutable {
		return ErrImmutable
	}
	if err := c.t.content.Release(c.tx, "DELETE FROM entries WHERE id = ? RETURNING object, 1", r.id); err != nil {
		return fmt.Errorf("delete entry: %w", err)
	}
	c.used[r.owner] -= r.size
	c.tell(Removed, at)
	return nil
}
