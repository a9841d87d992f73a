package link

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Scheme of the links.
const Scheme = "pc2"

const maxLink = 4096

// pages are the links without a path.
var pages = map[string]string{"": "", "devices": "/settings/devices", "address": "/desktop/address", "about": "/desktop/about"}

// Is says whether s looks like a link, right or wrong.
func Is(s string) bool {
	return len(s) >= len(Scheme)+1 && strings.EqualFold(s[:len(Scheme)+1], Scheme+":")
}

// Parse returns the page that a link leads to: a path with a slash in front, ""
// for the one that is open already.
func Parse(s string) (string, error) {
	if len(s) > maxLink || !utf8.ValidString(s) {
		return "", errors.New("this link is too long or is no text")
	}
	u, err := url.Parse(s)
	if err != nil || !strings.EqualFold(u.Scheme, Scheme) || u.Opaque != "" {
		return "", errors.New("this is no pc2:// link")
	}
	if u.User != nil || u.Port() != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return "", errors.New("this link has parts that pc2:// links do not have")
	}
	where := strings.ToLower(u.Host)
	if where == "open" {
		return folder(u.Path)
	}
	to, ok := pages[where]
	if !ok || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("PC2 knows no link to %q", u.Host)
	}
	return to, nil
}

// folder is the page of a path below the home.
func folder(path string) (string, error) {
	out := "/files"
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "":
			continue
		case part == "." || part == ".." || strings.ContainsRune(part, '\\') || strings.ContainsFunc(part, unicode.IsControl):
			return "", fmt.Errorf("%q is no name of a folder", part)
		}
		out += "/" + url.PathEscape(part)
	}
	return out, nil
}
