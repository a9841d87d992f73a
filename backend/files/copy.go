package files

import (
	"context"
	"database/sql"
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
	n.name, n.immutable = to.name, false
	if err := c.checkFits(from, to.at.with(n)); err != nil {
		return CopyResult{}, err
	}
	if n.object.Valid {
		if n.key, err = c.t.rewrapped(n.object.V, n.key, from.owner(), to.at.owner()); err != nil {
			return CopyResult{}, err
		}
		if err := c.t.content.Retain(c.tx, "SELECT ?, 1", n.object.V); err != nil {
			return CopyResult{}, err
		}
	}
	at, err := c.insert(to.at, n)
	if err != nil {
		return CopyResult{}, err
	}
	if r.isDir && !r.empty {
		if err := c.copyChildren(from, at); err != nil {
			return CopyResult{}, err
		}
		at.last().empty = false
		c.events[len(c.events)-1].Entry = at.entry()
	}
	d.Entry = at.entry()
	return d, nil
}

// copyChildren copies everything in one folder into another, which is empty and
// was inserted last: so the ids above its own are free.
func (c *change) copyChildren(from, to chain) error {
	if err := c.exec(
		`CREATE TEMP TABLE IF NOT EXISTS copied (n INTEGER PRIMARY KEY, old INTEGER UNIQUE, parent INTEGER)`,
		`DELETE FROM temp.copied`,
	); err != nil {
		return err
	}
	source, top := from.last().id, to.last().id
	if _, err := c.tx.Exec(`WITH RECURSIVE sub (id, parent) AS (
			SELECT id, parent_id FROM entries WHERE parent_id = ?1
			UNION ALL
			SELECT e.id, e.parent_id FROM sub CROSS JOIN entries e ON e.parent_id = sub.id
		) INSERT INTO temp.copied (old, parent) SELECT id, parent FROM sub`, source); err != nil {
		return fmt.Errorf("collect folder: %w", err)
	}
	if _, err := c.tx.Exec(`INSERT INTO entries (id, uid, wallet_address, parent_id, name, name_key, is_dir, size, mime_type, object, key, root,
			is_shortcut, shortcut_to, metadata, layout, sort_by, sort_order, associated_app_uid, thumb_cid, created, modified, accessed)
		SELECT ?1 + c.n,
			lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
				substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
			?2,
			CASE c.parent WHEN ?3 THEN ?1 ELSE ?1 + (SELECT p.n FROM temp.copied p WHERE p.old = c.parent) END,
			e.name, e.name_key, e.is_dir, e.size, e.mime_type, e.object, e.key, e.root,
			e.is_shortcut, e.shortcut_to, e.metadata, e.layout, e.sort_by, e.sort_order, e.associated_app_uid, e.thumb_cid, ?4, e.modified, ?4
		FROM temp.copied c CROSS JOIN entries e ON e.id = c.old`, top, to.owner(), source, c.sec); err != nil {
		return fmt.Errorf("copy folder: %w", err)
	}
	var size sql.Null[int64]
	if err := c.tx.QueryRow("SELECT sum(e.size) FROM temp.copied c CROSS JOIN entries e ON e.id = c.old").Scan(&size); err != nil {
		return fmt.Errorf("measure folder: %w", err)
	}
	c.used[to.owner()] += size.V
	if err := c.t.content.Retain(c.tx, `SELECT e.object, count(*) FROM temp.copied c CROSS JOIN entries e ON e.id = c.old
		WHERE e.object IS NOT NULL GROUP BY e.object`); err != nil {
		return err
	}
	if from.owner() == to.owner() {
		return nil
	}
	return c.rewrap("SELECT e.id, e.object, e.key FROM temp.copied c CROSS JOIN entries e ON e.id = ?1 + c.n WHERE e.object IS NOT NULL",
		from.owner(), to.owner(), top)
}
