package files

import (
	"context"

	"pc2/backend/store"
)

// Stat returns the entry.
func (t *Tree) Stat(ctx context.Context, a Actor, s Selector, o StatOptions) (e Entry, err error) {
	if !o.Size {
		return stat(t.db.Read(ctx), a, s)
	}
	err = t.db.View(ctx, func(q store.Queryer) error {
		if e, err = stat(q, a, s); err != nil || !e.IsDir || e.ID == 0 {
			return err
		}
		e.Size, err = sizeOf(q, e)
		return err
	})
	return e, err
}

// StatOptions of Stat.
type StatOptions struct {
	Size bool // the Size of a folder is the sum of what is in it
}

func stat(q store.Queryer, a Actor, s Selector) (Entry, error) {
	p, err := resolve(q, a, s)
	if err != nil {
		return Entry{}, err
	}
	if p.root {
		return rootEntry(), nil
	}
	if !p.exists() {
		return Entry{}, ErrNotFound
	}
	return p.found.entry(), nil
}

func sizeOf(q store.Queryer, e Entry) (n int64, err error) {
	if e.ParentUID == "" { // a home, whose sum is kept
		n, _, err = usage(q, e.Owner, 0)
		return n, err
	}
	err = q.QueryRow(`WITH RECURSIVE sub (id) AS (
			SELECT ?1
			UNION ALL
			SELECT e.id FROM sub CROSS JOIN entries e ON e.parent_id = sub.id
		) SELECT coalesce(sum(e.size), 0) FROM sub CROSS JOIN entries e ON e.id = sub.id`, e.ID).Scan(&n)
	return n, err
}
