package files

import (
	"context"
	"fmt"
)

// CopyRequest says what Copy does.
type CopyRequest struct {
	From          Selector
	To            Selector // the folder to copy into
	NewName       string   // "": the name stays
	Overwrite     bool     // a file or an empty folder of that name is replaced
	DedupeName    bool     // else a free name is found
	CreateParents bool
	Origin        string
}

// CopyResult is the copy.
type CopyResult struct {
	Entry
	Overwritten *Entry // what was replaced, as it was
}

// Copy makes a second entry with the same content, of a folder with everything
// in it. The content is not stored again: both refer to one object. The copy has
// its own uids and its own time of creation; the time of modification goes along.
func (t *Tree) Copy(ctx context.Context, a Actor, req CopyRequest) (d CopyResult, err error) {
	if req.NewName != "" {
		if err := CheckName(req.NewName); err != nil {
			return CopyResult{}, err
		}
	}
	err = t.write(ctx, req.Origin, func(c *change) error {
		from, err := find(c.tx, a, req.From)
		if err != nil {
			return err
		}
		p, err := resolve(c.tx, a, req.To)
		if err != nil {
			return err
		}
		to, err := p.into(c.tx, req.NewName, from.last().name, req.CreateParents, false)
		if err != nil {
			return err
		}
		d, err = c.copy(from, to, req)
		return err
	})
	return d, err
}

func (c *change) copy(from chain, to target, req CopyRequest) (d CopyResult, err error) {
	r := from.last()
	if to.at.has(r.id) {
		return CopyResult{}, ErrCopyIntoSelf
	}
	if to.old != nil && to.old.last().id == r.id && req.Overwrite {
		return CopyResult{}, ErrSamePlace
	}
	if d.Overwritten, err = c.clear(&to, r.isDir, req.Overwrite, req.DedupeName); err != nil {
		return CopyResult{}, err
	}
	if to.at, err = c.folders(to.at, to.missing); err != nil {
		return CopyResult{}, err
	}
	n := *r
	n.name, n.immutable, n.owner, n.rev = to.name, false, to.at.owner(), 1
	n.created, n.accessed = c.sec, c.sec
	n.retype(r.name)
	at := to.at.with(n)
	if err := c.checkFits(from, at); err != nil {
		return CopyResult{}, err
	}
	if err := c.copyRows(from, at); err != nil {
		return CopyResult{}, err
	}
	if err := c.childrenChanged(to.at); err != nil {
		return CopyResult{}, err
	}
	d.Entry = c.tell(Added, at)
	return d, nil
}

// copyRows inserts to, a copy of from that has no id yet, and all that is below
// it. Ids above the highest are free, so a copy's is known from its number.
func (c *change) copyRows(from, to chain) error {
	n, source := to.last(), from.last().id
	highest, err := c.collectCopied(source)
	if err != nil {
		return err
	}
	var size int64
	if err := c.tx.QueryRow("SELECT sum(e.size) FROM temp.copied c CROSS JOIN entries e ON e.id = c.old").Scan(&size); err != nil {
		return fmt.Errorf("measure the copy: %w", err)
	}
	if err := c.checkRoom(n.owner, size); err != nil {
		return err
	}
	c.used[n.owner] += size
	if _, err := c.tx.Exec(`INSERT INTO entries (id, uid, wallet_address, parent_id, name, name_key, is_dir, size, mime_type, object, key, root,
			is_shortcut, shortcut_to, metadata, layout, sort_by, sort_order, associated_app_uid, thumb_cid, created, modified, accessed)
		SELECT ?1 + c.n, `+randomUID+`, ?2,
			CASE c.n WHEN 1 THEN ?3 ELSE ?1 + (SELECT p.n FROM temp.copied p WHERE p.old = e.parent_id) END,
			CASE c.n WHEN 1 THEN ?4 ELSE e.name END, CASE c.n WHEN 1 THEN ?5 ELSE e.name_key END,
			e.is_dir, e.size, CASE c.n WHEN 1 THEN ?6 ELSE e.mime_type END, e.object, e.key, e.root,
			e.is_shortcut, e.shortcut_to, e.metadata, e.layout, e.sort_by, e.sort_order, e.associated_app_uid, e.thumb_cid, ?7, e.modified, ?7
		FROM temp.copied c CROSS JOIN entries e ON e.id = c.old`,
		highest, n.owner, to.parent().id, n.name, nameKey(n.name), n.mime, c.sec); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	n.id = highest + 1
	if err := c.tx.QueryRow("SELECT uid FROM entries WHERE id = ?", n.id).Scan(&n.uid); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if err := c.t.content.Retain(c.tx, `SELECT e.object, count(*) FROM temp.copied c CROSS JOIN entries e ON e.id = c.old
		WHERE e.object IS NOT NULL GROUP BY e.object`); err != nil {
		return err
	}
	if from.owner() == n.owner {
		return nil
	}
	return c.rewrap("SELECT e.id, e.object, e.key FROM temp.copied c CROSS JOIN entries e ON e.id = ?1 + c.n WHERE e.object IS NOT NULL",
		highest, from.owner(), n.owner)
}

// collectCopied numbers an entry and all that is below it from 1 on, the entry
// first, and returns the highest id there is.
func (c *change) collectCopied(source int64) (highest int64, err error) {
	// The table lives on the writer's connection. A job that fails takes it with it,
	// so it is made wherever it is used.
	for _, q := range []string{
		"CREATE TEMP TABLE IF NOT EXISTS copied (n INTEGER PRIMARY KEY, old INTEGER NOT NULL UNIQUE)",
		"DELETE FROM temp.copied",
	} {
		if _, err := c.tx.Exec(q); err != nil {
			return 0, fmt.Errorf("collect entries: %w", err)
		}
	}
	if _, err := c.tx.Exec("INSERT INTO temp.copied (n, old) VALUES (1, ?)", source); err != nil {
		return 0, fmt.Errorf("collect entries: %w", err)
	}
	if _, err := c.tx.Exec(`WITH RECURSIVE sub (id) AS (
			SELECT id FROM entries WHERE parent_id = ?1
			UNION ALL
			SELECT e.id FROM sub CROSS JOIN entries e ON e.parent_id = sub.id
		) INSERT INTO temp.copied (old) SELECT id FROM sub`, source); err != nil {
		return 0, fmt.Errorf("collect entries: %w", err)
	}
	err = c.tx.QueryRow("SELECT max(id) FROM entries").Scan(&highest)
	return highest, err
}

// randomUID makes a UUID of version 4.
const randomUID = `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
	substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`
