package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"unicode/utf8"

	"pc2/backend/files"
)

// appendEntry appends e in the shape that the file routes and the live events
// answer (API specification §6.1). By hand, since a listing of 10 000 entries is
// mostly this; what stands in it more than once is quoted once.
func appendEntry(b []byte, e *files.Entry) []byte {
	put := func(field string, quoted []byte) { b = append(append(b, field...), quoted...) }
	text := func(field, s string) []byte {
		b = append(b, field...)
		at := len(b)
		b = appendText(b, s)
		return b[at:]
	}
	null := func(field string, s *string) {
		if s == nil {
			b = append(append(b, field...), "null"...)
			return
		}
		text(field, *s)
	}
	flag := func(field string, v bool) { b = strconv.AppendBool(append(b, field...), v) }
	number := func(field string, n int64) { b = strconv.AppendInt(append(b, field...), n, 10) }

	uid := text(`{"id":`, e.UID)
	put(`,"uid":`, uid)
	put(`,"uuid":`, uid)
	if e.ParentUID == "" {
		b = append(b, `,"parent_id":null,"parent_uid":null`...)
	} else {
		put(`,"parent_uid":`, text(`,"parent_id":`, e.ParentUID))
	}
	text(`,"path":`, e.Path.String())
	put(`,"dirpath":`, text(`,"dirname":`, e.Path.Dir().String()))
	text(`,"name":`, e.Name)
	flag(`,"is_dir":`, e.IsDir)
	if e.IsDir {
		b = append(b, `,"type":"folder","mime_type":null,"ipfs_hash":null`...)
	} else {
		put(`,"mime_type":`, text(`,"type":`, e.MIME))
		text(`,"ipfs_hash":`, e.Root)
	}
	flag(`,"writable":`, e.UID != files.RootUID)
	flag(`,"is_public":`, e.Public)
	flag(`,"immutable":`, e.Immutable)
	null(`,"metadata":`, e.Metadata)
	number(`,"modified":`, e.Modified)
	number(`,"created":`, e.Created)
	number(`,"accessed":`, e.Accessed)
	if e.IsDir && e.Size == 0 {
		null(`,"size":`, nil)
	} else {
		number(`,"size":`, e.Size)
	}
	null(`,"layout":`, e.Layout)
	null(`,"sort_by":`, e.SortBy)
	null(`,"sort_order":`, e.SortOrder)
	flag(`,"is_empty":`, e.IsDir && e.Empty)
	b = append(b, `,"is_shortcut":0,"shortcut_to":null,"is_symlink":0,"symlink_path":null,"thumbnail":null,"subdomains":[],"workers":[],"has_website":false,"suggested_apps":[],"associated_app":null`...)
	text(`,"owner":{"username":`, e.Owner.String())
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
	b := appendEntry(make([]byte, 0, 1200+len(more)), &e)
	if more != "" {
		b = append(append(append(b[:len(b)-1], ','), more...), '}')
	}
	return b
}

// entry answers 200 with e and more fields.
func (c *call) entry(e files.Entry, more string) error {
	return c.bytes(http.StatusOK, "application/json; charset=utf-8", entry(e, more))
}
