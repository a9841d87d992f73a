package files

import (
	"database/sql"
	"encoding/base32"
	"strings"

	"pc2/backend/content"
	"pc2/backend/wallet"
)

// Entry is a file or folder as it was at one moment.
type Entry struct {
	ID                          int64
	UID, ParentUID              string // ParentUID is "" for a home and for "/"
	Path                        Path
	Name                        string
	Owner                       wallet.Address
	IsDir                       bool
	Size                        int64  // of a folder 0, unless its sum was asked for
	MIME                        string // "" for a folder
	Root                        string // CID of the content, which is the ETag; "" for a folder
	Created, Modified, Accessed int64  // s
	Immutable                   bool
	Public                      bool // lies in the home's Public folder, or is it
	Empty                       bool // a folder without children
	Metadata                    *string
	Layout, SortBy, SortOrder   *string // how the folder is shown
	Rev                         int64
}

// columns of an entry, read by row.scan. Only what is needed: each costs time
// in every row of a listing.
const columns = `e.id, e.uid, e.wallet_address, e.name, e.is_dir, e.size, e.mime_type, e.object, e.key, e.root,
	e.immutable, e.metadata, e.layout, e.sort_by, e.sort_order, e.created, e.modified, e.accessed, e.rev,
	CASE WHEN e.is_dir THEN NOT EXISTS (SELECT 1 FROM entries c WHERE c.parent_id = e.id) ELSE 0 END`

// row is an entry as the database has it, without its place.
type row struct {
	id                          int64
	uid                         string
	owner                       wallet.Address
	name                        string
	isDir                       bool
	size                        int64
	mime                        sql.NullString
	object                      sql.Null[content.ID]
	key                         []byte
	root                        []byte // binary CID
	immutable                   bool
	metadata                    *string
	layout, sortBy, sortOrder   *string
	created, modified, accessed int64
	rev                         int64
	empty                       bool
}

type scanner interface{ Scan(dest ...any) error }

// scan reads columns, and before them the extra ones.
func (r *row) scan(s scanner, extra ...any) error {
	return s.Scan(append(extra, &r.id, &r.uid, &r.owner, &r.name, &r.isDir, &r.size, &r.mime, &r.object, &r.key, &r.root,
		&r.immutable, &r.metadata, &r.layout, &r.sortBy, &r.sortOrder, &r.created, &r.modified, &r.accessed, &r.rev, &r.empty)...)
}

// chain is an entry with the folders it lies in, the home first. Its path needs
// no further query.
type chain []row

func (c chain) last() *row { return &c[len(c)-1] }

// parent is the folder of the last entry, nil for a home.
func (c chain) parent() *row {
	if len(c) < 2 {
		return nil
	}
	return &c[len(c)-2]
}

// folder is the chain of the folder that the last entry lies in.
func (c chain) folder() chain { return c[: len(c)-1 : len(c)-1] }

// with is the chain of a child.
func (c chain) with(r row) chain { return append(c[:len(c):len(c)], r) }

func (c chain) owner() wallet.Address { return c[0].owner }

func (c chain) has(id int64) bool {
	for i := range c {
		if c[i].id == id {
			return true
		}
	}
	return false
}

func (c chain) path() Path {
	n := 0
	for i := range c {
		n += 1 + len(c[i].name)
	}
	var b strings.Builder
	b.Grow(n)
	for i := range c {
		b.WriteByte('/')
		b.WriteString(c[i].name)
	}
	return Path{b.String()}
}

// in says whether the last entry is, or lies in, the named folder of the home.
func (c chain) in(name string) bool { return len(c) > 1 && c[1].name == name }

func (c chain) entry() Entry {
	e := c.last().entry()
	e.Path = c.path()
	e.Public = c.in(publicName)
	if p := c.parent(); p != nil {
		e.ParentUID = p.uid
	}
	return e
}

// entry is what the row says by itself: no path, no parent, not whether public.
func (r *row) entry() Entry {
	return Entry{
		ID: r.id, UID: r.uid, Name: r.name, Owner: r.owner, IsDir: r.isDir, Size: r.size, MIME: r.mime.String, Root: cidString(r.root),
		Created: r.created, Modified: r.modified, Accessed: r.accessed, Immutable: r.immutable, Empty: r.empty,
		Metadata: r.metadata, Layout: r.layout, SortBy: r.sortBy, SortOrder: r.sortOrder, Rev: r.rev,
	}
}

// retype gives a file that has got another name the type of that name, unless it
// has one that did not come from the old name.
func (r *row) retype(old string) {
	if r.mime.Valid && r.mime.String == MIMEOf(old) {
		r.mime.String = MIMEOf(r.name)
	}
}

// cidString is the text of a binary CIDv1: multibase base32.
func cidString(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	text := make([]byte, 1, 80)
	text[0] = 'b'
	return string(base32Lower.AppendEncode(text, b))
}

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// rootEntry is "/": no row, only what lists the homes.
func rootEntry() Entry {
	return Entry{UID: RootUID, Path: Path{"/"}, Name: "/", IsDir: true, Immutable: true}
}
