package files

import (
	"slices"
	"strings"

	"pc2/backend/fault"
	"pc2/backend/wallet"
)

// Selector names an entry, there or not: by path, by uid, or by names under
// one of these. The zero value selects nothing.
type Selector struct {
	path  Path
	uid   string
	below []string // names under path or uid
}

// RootUID is the uid of "/".
const RootUID = "00000000-0000-0000-0000-000000000000"

// At selects by path.
func At(p Path) Selector { return Selector{path: p} }

// ByUID selects by uid.
func ByUID(uid string) Selector {
	uid = strings.ToLower(uid)
	if uid == RootUID {
		return At(Path{"/"})
	}
	return Selector{uid: uid}
}

// ParseSelector reads what a field of the API may hold: a path when it begins
// with "/" or "~", else a uid.
func ParseSelector(home wallet.Address, s string) (Selector, error) {
	if s == "" {
		return Selector{}, errNoSubject
	}
	if s[0] != '/' && s[0] != '~' {
		return ByUID(s), nil
	}
	p, err := ParsePath(home, s)
	return At(p), err
}

var errNoSubject = fault.New(fault.Invalid, "field_missing", "Nothing says which file or folder is meant.").With("key", "subject")

// Under selects what lies at the relative path rel below s. A leading slash of
// rel counts for nothing, and ".." cannot leave s.
func (s Selector) Under(rel string) (Selector, error) {
	if len(rel) > maxPath {
		return Selector{}, errPathLong
	}
	var names []string
	for name := range strings.SplitSeq(rel, "/") {
		switch name {
		case "", ".":
			continue
		case "..":
			if len(names) == 0 {
				return Selector{}, invalid("path", "The path leaves its folder by way of \"..\".")
			}
			names = names[:len(names)-1]
			continue
		}
		if err := CheckName(name); err != nil {
			return Selector{}, err
		}
		names = append(names, name)
	}
	if s.path != (Path{}) {
		p, err := pathOf(append(s.path.Names(), names...))
		return At(p), err
	}
	s.below = slices.Concat(s.below, names)
	return s, nil
}

// split parts s into its folder and a name, where a folder can be selected like that.
func (s Selector) split() (folder Selector, name string, ok bool) {
	switch {
	case len(s.below) == 1:
		return Selector{uid: s.uid}, s.below[0], true
	case s.uid == "" && strings.LastIndexByte(s.path.s, '/') > 0:
		return At(s.path.Dir()), s.path.Base(), true
	}
	return Selector{}, "", false
}

// Path is the path that s was made from; false when it goes by uid.
func (s Selector) Path() (Path, bool) { return s.path, s.path != Path{} }

// IsZero says whether s selects nothing.
func (s Selector) IsZero() bool { return s.path == Path{} && s.uid == "" }
