package files

import (
	"encoding/base64"
	"encoding/json"
	"slices"
)

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
	switch by.By {
	case "modified", "size":
		var n int64
		err, by.Key = json.Unmarshal(raw.Key, &n), &n
	case "type":
		var t string
		err, by.Key = json.Unmarshal(raw.Key, &t), &t
	}
	if err != nil {
		return order{}, bad
	}
	return by, nil
}
