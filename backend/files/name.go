package files

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxNameRunes = 255
	maxNameBytes = 1000
)

// CheckName says why name cannot be the name of a file or folder, or nil.
func CheckName(name string) error {
	switch {
	case name == "":
		return invalid("name", "The name is empty.")
	case name == "." || name == "..":
		return invalid("name", "\".\" and \"..\" are not names.")
	case len(name) > maxNameBytes:
		return invalid("name", "The name is longer than 1000 bytes.")
	case !utf8.ValidString(name):
		return invalid("name", "The name is not valid UTF-8.")
	case utf8.RuneCountInString(name) > maxNameRunes:
		return invalid("name", "The name is longer than 255 characters.")
	case strings.ContainsRune(name, '/'):
		return invalid("name", "A name has no slash in it.")
	case strings.ContainsFunc(name, unicode.IsControl):
		return invalid("name", "The name has control characters in it.")
	}
	return nil
}

// nameKey is what names are compared by: two names with one key cannot be in
// one folder. Case counts.
func nameKey(name string) string { return norm.NFC.String(name) }

// numbering is how the name of a further entry is made: head, " (n)", tail.
type numbering struct{ head, tail string }

// numbered splits a name for numbering, a file's before its extension, and
// shortens it where " (n)" would make it too long.
func numbered(name string, isDir bool) numbering {
	const room = len(" (9999999)")
	n := numbering{head: name}
	if ext := path.Ext(name); !isDir && ext != name && len(ext) <= 64 {
		n.head, n.tail = strings.TrimSuffix(name, ext), ext
	}
	for len(n.head)+len(n.tail) > maxNameBytes-room || utf8.RuneCountInString(n.head)+utf8.RuneCountInString(n.tail) > maxNameRunes-room {
		_, size := utf8.DecodeLastRuneInString(n.head)
		n.head = n.head[:len(n.head)-size]
	}
	return n
}
