package system

import (
	"encoding/xml"
	"strings"
)

// toast is a notification as Windows wants it; show is the address of a folder,
// or "".
func toast(n Notice, show string) string {
	var b strings.Builder
	text := func(s string) {
		_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	}
	b.WriteString(`<toast`)
	if show != "" {
		b.WriteString(` activationType="protocol" launch="`)
		text(show)
		b.WriteString(`"`)
	}
	b.WriteString(`><visual><binding template="ToastGeneric"><text hint-maxLines="1">`)
	text(plain(n.Title))
	b.WriteString(`</text><text>`)
	text(plain(n.Text))
	b.WriteString(`</text></binding></visual>`)
	if show != "" {
		b.WriteString(`<actions><action activationType="protocol" content="Show in folder" arguments="`)
		text(show)
		b.WriteString(`"/></actions>`)
	}
	b.WriteString(`</toast>`)
	return b.String()
}
