package files

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

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

// ListOptions of List. The zero value lists everything in the folder's own order.
type ListOptions struct {
	Limit  int    // 0: no limit
	Offset int    // not together with Cursor
	Cursor string // Page.Next of the page before
	SortBy string // "name", "modified", "type" or "size"; "": the folder's own, else by name
	Desc   bool   // counts only together with SortBy
	Total  bool   // count all
}

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
	if o.Limit < 0 || o.Offset < 0 {
		return Page{}, badRequest("limit and offset are not negative.")
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
	// Counting costs little, and appending without knowing how far costs more.
	room := int64(o.Limit + 1)
	if o.Total || o.Limit == 0 {
		from, args := p.from(a)
		if err := q.QueryRow("SELECT count(*) "+from, args...).Scan(&room); err != nil {
			return fmt.Errorf("count folder: %w", err)
		}
		if o.Total {
			p.Total = room
		}
	}
	query, args := p.query(a, o, by)
	rows, err := q.Query(query, args...)
	if err != nil {
		return fmt.Errorf("list folder: %w", err)
	}
	defer rows.Close()
	if err := p.scan(rows, min(room, 100_000)); err != nil {
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

func (p *Page) scan(rows *sql.Rows, room int64) error {
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
	}
	return rows.Err()
}

// order is how a listing is sorted, and in a cursor also where it stands: by the
// key and, where it is equal, by name. A name is unique in its folder, so the
// place is exact even when the entry itself is gone.
type order struct {
	By   string `json:"b"`
	Desc bool   `json:"d,omitempty"`
	Key  any    `json:"k,omitempty"` // nothing by name
	Name string `json:"n"`
}

func orderOf(folder *Entry, o ListOptions) (order, error) {
	by := order{By: o.SortBy, Desc: o.Desc}
	if by.By == "" {
		by = order{By: "name"}
		if folder.SortBy != nil && slices.Contains(sorts(), *folder.SortBy) {
			by = order{By: *folder.SortBy, Desc: folder.SortOrder != nil && *folder.SortOrder == "desc"}
		}
	}
	if !slices.Contains(sorts(), by.By) {
		return order{}, invalid("sortBy", "A folder is sorted by name, modified, type or size.")
	}
	if o.Cursor == "" {
		return by, nil
	}
	at, err := parseCursor(o.Cursor)
	if err != nil {
		return order{}, err
	}
	// The folder's own order may change between two pages; the cursor goes on in the one it began with.
	if o.SortBy != "" && (at.By != by.By || at.Desc != by.Desc) {
		return order{}, badRequest("The cursor belongs to another order.")
	}
	return at, nil
}

func sorts() []string { return []string{"name", "modified", "type", "size"} }

// column is what By sorts by before the name; "" for the name alone.
func (by order) column() string {
	switch by.By {
	case "modified":
		return "e.modified"
	case "type":
		return "coalesce(e.mime_type, '')"
	case "size":
		return "e.size"
	}
	return ""
}

// cursor is the place after e.
func (by order) cursor(e *Entry) string {
	by.Key, by.Name = nil, nameKey(e.Name)
	switch by.By {
	case "modified":
		by.Key = e.Modified
	case "type":
		by.Key = e.MIME
	case "size":
		by.Key = e.Size
	}
	b, err := json.Marshal(by) // cannot fail: strings and a number
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads what cursor wrote; anything may have been done to it since.
func parseCursor(s string) (by order, err error) {
	bad := invalid("cursor", "The cursor is not one of this folder.")
	if len(s) > 8192 {
		return order{}, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return order{}, bad
	}
	var raw struct {
		order
		Key json.RawMessage `json:"k"`
	}
	if json.Unmarshal(b, &raw) != nil || !slices.Contains(sorts(), raw.By) {
		return order{}, bad
	}
	by = raw.order
	var number int64
	var text string
	switch by.By {
	case "modified", "size":
		err, by.Key = json.Unmarshal(raw.Key, &number), number
		by.Key = number
	case "type":
		err = json.Unmarshal(raw.Key, &text)
		by.Key = text
	default:
		by.Key = nil
	}
	if err != nil {
		return order{}, bad
	}
	return by, nil
}
