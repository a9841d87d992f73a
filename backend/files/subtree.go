package files

import (
	"fmt"

	"pc2/backend/content"
	"pc2/backend/wallet"
)

// Operations on whole folders work on a set of rows that is collected first, in
// a temporary table of the writer's connection. It is made again where it is
// used: a job that fails takes the table with it.

// handOver moves the rows of a moved entry, whose own row is in its new place,
// from one owner to the other. For the old owner the entry is gone, for the new one it
// is there.
func (c *change) handOver(from, to chain) (Entry, error) {
	id := to.last().id
	if err := c.exec(
		`CREATE TEMP TABLE IF NOT EXISTS handed (id INTEGER PRIMARY KEY)`,
		`DELETE FROM temp.handed`,
	); err != nil {
		return Entry{}, err
	}
	if _, err := c.tx.Exec(`WITH RECURSIVE sub (id) AS (
			SELECT ?1
			UNION ALL
			SELECT e.id FROM sub CROSS JOIN entries e ON e.parent_id = sub.id
		) INSERT INTO temp.handed SELECT id FROM sub`, id); err != nil {
		return Entry{}, fmt.Errorf("collect folder: %w", err)
	}
	var size int64
	if err := c.tx.QueryRow("SELECT sum(e.size) FROM temp.handed h CROSS JOIN entries e ON e.id = h.id").Scan(&size); err != nil {
		return Entry{}, fmt.Errorf("measure folder: %w", err)
	}
	if _, err := c.tx.Exec("UPDATE entries SET wallet_address = ? WHERE id IN (SELECT id FROM temp.handed)", to.owner()); err != nil {
		return Entry{}, fmt.Errorf("hand over: %w", err)
	}
	if err := c.rewrap("SELECT e.id, e.object, e.key FROM temp.handed h CROSS JOIN entries e ON e.id = h.id WHERE e.object IS NOT NULL", from.owner(), to.owner()); err != nil {
		return Entry{}, err
	}
	c.used[from.owner()] -= size
	c.used[to.owner()] += size
	c.tell(Removed, from)
	return c.tell(Added, to), nil
}

// rewrap wraps the keys of the rows that query yields for another owner.
func (c *change) rewrap(query string, from, to wallet.Address, args ...any) error {
	rows, err := c.tx.Query(query, args...)
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
		if w.key, err = c.t.rewrapped(object, w.key, from, to); err != nil {
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

func (t *Tree) rewrapped(object content.ID, key []byte, from, to wallet.Address) ([]byte, error) {
	if from == to {
		return key, nil
	}
	k, err := t.keyring.Unwrap(from, object, key)
	if err != nil {
		return nil, ErrUnavailable.Because(fmt.Errorf("unwrap the key of object %s: %w", object, err))
	}
	return t.keyring.Wrap(to, object, k)
}

func (c *change) exec(queries ...string) error {
	for _, q := range queries {
		if _, err := c.tx.Exec(q); err != nil {
			return err
		}
	}
	return nil
}
