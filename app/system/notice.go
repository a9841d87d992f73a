package system

import (
	"strings"
	"unicode"
)

// Notice is what a notification says. Show is a file or a folder that it leads
// to, where the system can do that; "" for none.
type Notice struct {
	Title, Text string
	Show        string
}

const maxNotice = 300 // letters; more does not fit anywhere

// plain is a text that is one line of what can be read: others may have chosen
// parts of it.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if letters := []rune(s); len(letters) > maxNotice {
		s = string(letters[:maxNotice-1]) + "…"
	}
	return s
}
