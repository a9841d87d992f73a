package files

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"pc2/backend/wallet"
)

// DeleteRequest says what Delete does.
type DeleteRequest struct {
	Entries         []Selector
	Recursive       bool // folders that are not empty, too
	DescendantsOnly bool // what is in the folders; they themselves stay
	Origin          string
}

// maxDelete bounds how many selectors one transaction resolves.
const maxDelete = 10_000

// Delete removes entries for good, all or none, and returns them as they were in
// the order of the request. The disk space of their content is free as soon as
// nothing else refers to it.
func (t *Tree) Delete(ctx context.Context, a Actor, req DeleteRequest) (gone []Entry, err error) {
	if len(req.Entries) == 0 {
		return nil, errNoSubject
	}
	if len(req.Entries) > maxDelete {
		return nil, badRequest("These are too many at once.")
	}
	err = t.free(ctx, req.Origin, func(c *change) error {
		chains := make([]chain, len(req.Entries))
		gone = make([]Entry, len(req.Entries))
		for i, s := range req.Entries {
			at, err := find(c.tx, a, s)
			if err != nil {
				return err
			}
			if err := req.check(at.last()); err != nil {
				return err
			}
			chains[i], gone[i] = at, at.entry()
		}
		return c.deleteAll(tops(chains), req.DescendantsOnly)
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// check says whether the entry may be deleted as far as it is seen by itself.
func (req DeleteRequest) check(r *row) error {
	switch {
	case req.DescendantsOnly:
		return nil
	case r.immutable:
		return ErrImmutable
	case r.isDir && !r.empty && !req.Recursive:
		return ErrNotEmpty
	}
	return nil
}

// tops are the chains without those that end twice, or below another one.
func tops(chains []chain) []chain {
	picked := map[int64]bool{}
	for _, at := range chains {
		picked[at.last().id] = true
	}
	var top []chain
	taken := map[int64]bool{}
	for _, at := range chains {
		below := slices.ContainsFunc(at.folder(), func(r row) bool { return picked[r.id] })
		if id := at.last().id; !below && !taken[id] {
			taken[id] = true
			top = append(top, at)
		}
	}
	return top
}

func (c *change) deleteAll(top []chain, descendantsOnly bool) error {
	if descendantsOnly {
		top = slices.DeleteFunc(top, func(at chain) bool { return !at.last().isDir || at.last().empty })
	}
	if len(top) == 0 {
		return nil // nothing is in them
	}
	if len(top) == 1 && (!top[0].last().isDir || top[0].last().empty) {
		if err := c.remove(top[0]); err != nil {
			return err
		}
		return c.childrenChanged(top[0].folder())
	}
	list := make([]int64, len(top))
	for i, at := range top {
		list[i] = at.last().id
	}
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	ids, q := string(b), deleting
	if descendantsOnly {
		q = emptying
	}
	if err := c.account(q.sum, ids); err != nil {
		return err
	}
	if _, err := c.tx.Exec(q.folders, ids, c.sec); err != nil {
		return fmt.Errorf("update folders: %w", err)
	}
	if err := c.t.content.Release(c.tx, q.delete, ids); err != nil {
		return fmt.Errorf("delete entries: %w", err)
	}
	for _, at := range top {
		c.tell(Removed, at)
		c.events[len(c.events)-1].DescendantsOnly = descendantsOnly
	}
	return nil
}

// account takes the sizes of the rows from their owners.
func (c *change) account(query, ids string) error {
	rows, err := c.tx.Query(query, ids)
	if err != nil {
		return fmt.Errorf("measure entries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var owner wallet.Address
		var size int64
		var immutable bool
		if err := rows.Scan(&owner, &size, &immutable); err != nil {
			return fmt.Errorf("measure entries: %w", err)
		}
		if immutable {
			return ErrImmutable
		}
		c.used[owner] -= size
	}
	return rows.Err()
}

// doomed are the queries about what is to be deleted; ?1 is a JSON array of ids.
type doomed struct{ sum, folders, delete string }

const (
	these   = "SELECT value FROM json_each(?1)"
	inThese = "SELECT e.id FROM json_each(?1) j CROSS JOIN entries e ON e.parent_id = j.value"

	subtree = `
			UNION ALL
			SELECT e.id FROM sub CROSS JOIN entries e ON e.parent_id = sub.id
		) `
	sumOf    = subtree + "SELECT e.wallet_address, sum(e.size), max(e.immutable) FROM sub CROSS JOIN entries e ON e.id = sub.id GROUP BY e.wallet_address"
	deleteOf = subtree + "DELETE FROM entries WHERE id IN (SELECT id FROM sub) RETURNING object, 1"
	changed  = "UPDATE entries SET modified = ?2 WHERE modified <> ?2 AND id IN "
)

var (
	deleting = doomed{
		sum:     "WITH RECURSIVE sub (id) AS (" + these + sumOf,
		folders: changed + "(SELECT e.parent_id FROM json_each(?1) j CROSS JOIN entries e ON e.id = j.value)",
		delete:  "WITH RECURSIVE sub (id) AS (" + these + deleteOf,
	}
	emptying = doomed{
		sum:     "WITH RECURSIVE sub (id) AS (" + inThese + sumOf,
		folders: changed + "(" + these + ")",
		delete:  "WITH RECURSIVE sub (id) AS (" + inThese + deleteOf,
	}
)
