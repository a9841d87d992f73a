package files

import (
	"fmt"

	"pc2/backend/content"
	"pc2/backend/wallet"
)

// handOver gives what has been moved from one owner's home to another's to its
// new owner, with everything in it: rows, keys, and what counts against the limit. For
// the old owner the entry is gone, for the new one it is there.
func (c *change) handOver(from, to chain) (Entry, error) {
	const below = `WITH RECURSIVE sub (id) AS (
			SELECT ?1
			UNION ALL
			SELECT e.id FROM sub CROSS JOIN entries e ON e.parent_id = sub.id
		) `
	id := to.last().id
	var size int64
	if err := c.tx.QueryRow(below+"SELECT sum(e.size) FROM sub CROSS JOIN entries e ON e.id = sub.id", id).Scan(&size); err != nil {
		return Entry{}, fmt.Errorf("measure folder: %w", err)
	}
	if err := c.checkRoom(to.owner(), size); err != nil {
		return Entry{}, err
	}
	if _, err := c.tx.Exec(below+"UPDATE entries SET wallet_address = ?2 WHERE id IN (SELECT id FROM sub)", id, to.owner()); err != nil {
		return Entry{}, fmt.Errorf("hand over: %w", err)
	}
	if err := c.rewrap(below+"SELECT e.id, e.object, e.key FROM sub CROSS JOIN entries e ON e.id = sub.id WHERE e.object IS NOT NULL", id, from.owner(), to.owner()); err != nil {
		return Entry{}, err
	}
	c.used[from.owner()] -= size
	c.used[to.owner()] += size
	c.tell(Removed, from)
	return c.tell(Added, to), nil
}

// rewrap wraps the keys of the rows (id, object, key) that query yields for another
// owner; ?1 is the query's id.
func (c *change) rewrap(query string, id int64, from, to wallet.Address) error {
	rows, err := c.tx.Query(query, id)
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	defer rows.Close()
	type wrapped struct {
		id  int64
		key []byte
	}
	var all []wrapped
	for rows.Next() {
		var w wrapped
		var object content.ID
		if err := rows.Scan(&w.id, &object, &w.key); err != nil {
			return fmt.Errorf("read keys: %w", err)
		}
		key, err := c.t.keyring.Unwrap(from, object, w.key)
		if err != nil {
			return ErrUnavailable.Because(fmt.Errorf("unwrap the key of object %s: %w", object, err))
		}
		if w.key, err = c.t.keyring.Wrap(to, object, key); err != nil {
			return err
		}
		all = append(all, w)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	rows.Close()
	for _, w := range all {
		if _, err := c.tx.Exec("UPDATE entries SET key = ? WHERE id = ?", w.key, w.id); err != nil {
			return fmt.Errorf("write key: %w", err)
		}
	}
	return nil
}
