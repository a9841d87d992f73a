package api

import (
	"encoding/json"
	"path"
	"strconv"
	"unicode/utf8"

	"pc2/backend/files"
)

// appendEntry appends e in the shape that the file routes and the live events
// answer (API specification §6.1). By hand, since a listing of 10 000 entries is
// mostly this.
func appendEntry(b []byte, e files.Entry) []byte {
	uid := func(name string) {
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":`...)
	}
	text := func(name, s string) { uid(name); b = appendText(b, s) }
	null := func(name string, s *string) {
		uid(name)
		if s == nil {
			b = append(b, "null"...)
			return
		}
		b = appendText(b, *s)
	}
	flag := func(name string, v bool) { uid(name); b = strconv.AppendBool(b, v) }
	number := func(name string, n int64) { uid(name); b = strconv.AppendInt(b, n, 10) }
	const nothing = `,"is_shortcut":0,"shortcut_to":null,"is_symlink":0,"symlink_path":null,"thumbnail":null,"subdomains":[],"workers":[],"has_website":false,"suggested_apps":[],"associated_app":null`

	full := e.Path.String()
	dir := path.Dir(full)
	b = append(b, `{"id":`...)
	b = appendText(b, e.UID)
	text("uid", e.UID)
	text("uuid", e.UID)
	parent := &e.ParentUID
	if e.ParentUID == "" {
		parent = nil
	}
	null("parent_id", parent)
	null("parent_uid", parent)
	text("path", full)
	text("dirname", dir)
	text("dirpath", dir)
	text("name", e.Name)
	flag("is_dir", e.IsDir)
	if e.IsDir {
		text("type", "folder")
		null("mime_type", nil)
		null("ipfs_hash", nil)
	} else {
		text("type", e.MIME)
		text("mime_type", e.MIME)
		text("ipfs_hash", e.Root)
	}
	flag("writable", e.UID != files.RootUID)
	flag("is_public", e.Public)
	flag("immutable", e.Immutable)
	null("metadata", e.Metadata)
	number("modified", e.Modified)
	number("created", e.Created)
	number("accessed", e.Accessed)
	if e.IsDir && e.Size == 0 {
		null("size", nil)
	} else {
		number("size", e.Size)
	}
	null("layout", e.Layout)
	null("sort_by", e.SortBy)
	null("sort_order", e.SortOrder)
	flag("is_empty", e.IsDir && e.Empty)
	b = append(b, nothing...)
	b = append(b, `,"owner":{"username":`...)
	b = appendText(b, e.Owner.String())
	return append(b, "}}"...)
}

// appendText appends s as JSON.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= utf8.RuneSelf {
			q, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always marshals
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// entry is e as a value that encoding/json passes on, with more fields merged in.
func entry(e files.Entry, more string) json.RawMessage {
	b := appendEntry(nil, e)
	if more != "" {
		b = append(append(append(b[:len(b)-1], ','), more...), '}')
	}
	return b
}
