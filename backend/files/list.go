package files

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"pc2/backend/store"
)

const maxLimit = 1_000_000

// ListOptions of List. The zero value lists everything in the folder's own order.
type ListOptions struct {
	Limit  int    // 0: no limit
	Offset int    // not together with Cursor
	Cursor string // Page.Next of the page before
	SortBy string // "name", "modified", "type" or "size"; "": the folder's own, else by name
	Desc   bool   // counts only together with SortBy
	Total  bool   // count all

	// Part, if set, gets the entries of a listing without a limit, some hundred at a
	// time while more of them are read; Page.Items stays empty. While Part blocks,
	// the database keeps that moment, so it should not wait for anybody.
	Part func([]Entry)
}

const partSize = 512

// Page is a part of a folder's entries.
type Page struct {
	Folder Entry
	Items  []Entry
	Next   string // cursor of the next page; "" when this one is the last
	Total  int64  // all entries of the folder, if asked for
}

// List returns what is in a folder, all from one moment and with one indexed
// query, however many there are. "/" lists the homes that a sees.
func (t *Tree) List(ctx context.Context, a Actor, s Selector, o ListOptions) (page Page, err error) {
	if o.Limit < 0 || o.Offset < 0 || o.Limit > maxLimit {
		return Page{}, badRequest("limit is a number from 0 to 1000000, offset is not negative.")
	}
	if o.Cursor != "" && o.Offset > 0 {
		return Page{}, badRequest("cursor and offset do not go together.")
	}
	err = t.db.View(ctx, func(q store.Queryer) error {
		if page.Folder, err = stat(q, a, s); err != nil {
			return err
		}
		if !page.Folder.IsDir {
			return ErrNotFolder
		}
		return page.fill(q, a, o)
	})
	return page, err
}

func (p *Page) fill(q store.Queryer, a Actor, o ListOptions) error {
	by, err := orderOf(&p.Folder, o)
	if err != nil {
		return err
	}
	if o.Limit > 0 {
		o.Part = nil
	}
	room := o.Limit + 1
	if o.Part != nil {
		room = partSize
	}
	if o.Total || o.Limit == 0 && o.Part == nil { // counting costs little, and appending without knowing how far costs more
		var total int64
		from, args := p.from(a)
		if err := q.QueryRow("SELECT count(*) "+from, args...).Scan(&total); err != nil {
			return fmt.Errorf("count folder: %w", err)
		}
		if o.Total {
			p.Total = total
		}
		if o.Limit == 0 && o.Part == nil {
			room = int(total)
		}
	}
	query, args := p.query(a, o, by)
	rows, err := q.Query(query, args...)
	if err != nil {
		return fmt.Errorf("list folder: %w", err)
	}
	defer rows.Close()
	if err := p.scan(rows, min(room, 16<<10), o.Part); err != nil {
		return fmt.Errorf("list folder: %w", err)
	}
	if o.Limit > 0 && len(p.Items) > o.Limit {
		p.Items = p.Items[:o.Limit]
		p.Next = by.cursor(&p.Items[o.Limit-1])
	}
	return nil
}

// from is the part of the query that says which rows are in the folder.
func (p *Page) from(a Actor) (string, []any) {
	switch {
	case p.Folder.ID != 0:
		return "FROM entries e WHERE e.parent_id = ?", []any{p.Folder.ID}
	case a.Admin:
		return "FROM entries e WHERE e.parent_id IS NULL", nil
	}
	return "FROM entries e WHERE e.parent_id IS NULL AND e.wallet_address = ?", []any{a.Wallet}
}

// listed are the columns of a listing. What the folder says for all of them
// (owner, path) is not among them, and what is small or mostly absent is packed:
// each column costs as much as finding the row.
const listed = `SELECT e.id, e.uid, e.name, e.size, e.mime_type, e.root, e.created, e.modified, e.accessed,
	e.rev << 3 | CASE WHEN e.is_dir THEN 1 | (e.immutable << 1) | ((NOT EXISTS (SELECT 1 FROM entries c WHERE c.parent_id = e.id)) << 2) ELSE 0 END,
	CASE WHEN coalesce(e.metadata, e.layout, e.sort_by, e.sort_order) IS NOT NULL THEN json_array(e.metadata, e.layout, e.sort_by, e.sort_order) END `

// query is put together from constant parts; what the caller sent is in args.
func (p *Page) query(a Actor, o ListOptions, by order) (string, []any) {
	from, args := p.from(a)
	direction, beyond := "", ">"
	if by.Desc {
		direction, beyond = " DESC", "<"
	}
	query := listed + from
	key := by.column()
	if o.Cursor != "" {
		if key == "" {
			query += " AND e.name_key " + beyond + " ?"
			args = append(args, by.Name)
		} else {
			query += " AND (" + key + ", e.name_key) " + beyond + " (?, ?)"
			args = append(args, by.Key, by.Name)
		}
	}
	query += " ORDER BY "
	if key != "" {
		query += key + direction + ", "
	}
	query += "e.name_key" + direction
	if o.Limit > 0 || o.Offset > 0 {
		limit := -1
		if o.Limit > 0 {
			limit = o.Limit + 1 // one more tells whether there is a next page
		}
		query += " LIMIT ? OFFSET ?"
		args = append(args, limit, o.Offset)
	}
	return query, args
}

func (p *Page) scan(rows *sql.Rows, room int, part func([]Entry)) error {
	folder := &p.Folder
	parent := folder.UID
	if folder.ID == 0 {
		parent = ""
	}
	p.Items = make([]Entry, 0, room)
	var e Entry
	var mime sql.NullString
	var root, extras sql.RawBytes
	var packed int64
	dest := []any{&e.ID, &e.UID, &e.Name, &e.Size, &mime, &root, &e.Created, &e.Modified, &e.Accessed, &packed, &extras}
	for rows.Next() {
		e = Entry{ParentUID: parent, Owner: folder.Owner, Public: folder.Public}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		e.MIME, e.Root, e.Path = mime.String, cidString(root), folder.Path.join(e.Name)
		e.Rev, e.IsDir, e.Immutable, e.Empty = packed>>3, packed&1 != 0, packed&2 != 0, packed&4 != 0
		if extras != nil {
			var x [4]*string
			if err := json.Unmarshal(extras, &x); err != nil {
				return err
			}
			e.Metadata, e.Layout, e.SortBy, e.SortOrder = x[0], x[1], x[2], x[3]
		}
		switch {
		case folder.ID == 0:
			e.Owner, _ = e.Path.Home()
		case folder.ParentUID == "":
			e.Public = e.Name == publicName
		}
		p.Items = append(p.Items, e)
		if part != nil && len(p.Items) == partSize {
			part(p.Items)
			p.Items = make([]Entry, 0, partSize)
		}
	}
	if err := rows.Err(); err != nil || part == nil {
		return err
	}
	if len(p.Items) > 0 {
		part(p.Items)
	}
	p.Items = nil
	return nil
}
