package files

import (
	"strings"

	"pc2/backend/wallet"
)

const (
	maxPath  = 4096 // bytes of a canonical path
	maxDepth = 128  // names below a home
)

// Path is a canonical absolute path: "/", or "/<first>/<name>/…" where first is
// a wallet address in lower case when it names a home. Comparable with ==; only
// from ParsePath and the methods here. Names keep the bytes they were given in.
type Path struct{ s string }

// ParsePath reads one of the spellings of a path. "~", "~/…", "/~/…" and what
// does not begin with a slash lie in the given home. The string is taken as it
// is, already decoded: "%2F" is three characters of a name.
func ParsePath(home wallet.Address, s string) (Path, error) {
	if len(s) > maxPath {
		return Path{}, errPathLong
	}
	if s == "" {
		return Path{}, invalid("path", "The path is empty.")
	}
	rest, absolute := strings.CutPrefix(s, "/")
	if s == "~" || strings.HasPrefix(s, "~/") {
		rest, absolute = s, true // the same as /~/…
	}
	var names []string
	floor := 0 // ".." may not climb above it
	if !absolute {
		names, floor = []string{home.String()}, 1
	}
	for name := range strings.SplitSeq(rest, "/") {
		switch name {
		case "", ".":
			continue
		case "..":
			if len(names) <= floor {
				return Path{}, invalid("path", "The path leaves its home by way of \"..\".")
			}
			names = names[:len(names)-1]
			continue
		}
		if len(names) == 0 {
			name = canonicalFirst(home, name)
			floor = 1
		}
		if err := CheckName(name); err != nil {
			return Path{}, err
		}
		names = append(names, name)
	}
	return pathOf(names)
}

var errPathLong = invalid("path", "The path is longer than 4096 bytes.")

// canonicalFirst gives a home its one spelling: the address in lower case.
func canonicalFirst(home wallet.Address, name string) string {
	if name == "~" {
		return home.String()
	}
	if a, err := wallet.Parse(name); err == nil {
		return a.String()
	}
	return name
}

func pathOf(names []string) (Path, error) {
	p := Path{"/" + strings.Join(names, "/")}
	if len(p.s) > maxPath {
		return Path{}, errPathLong
	}
	if len(names) > maxDepth+1 {
		return Path{}, errDeep
	}
	return p, nil
}

var errDeep = invalid("path", "The path is more than 128 folders deep.")

// String is the canonical form.
func (p Path) String() string { return p.s }

// IsRoot says whether p is "/", the virtual folder of homes.
func (p Path) IsRoot() bool { return p.s == "/" }

// Names are the components, the home's first.
func (p Path) Names() []string {
	if len(p.s) <= 1 {
		return nil
	}
	return strings.Split(p.s[1:], "/")
}

// Home is the wallet whose home p lies in; false when it lies in none.
func (p Path) Home() (wallet.Address, bool) {
	if len(p.s) <= 1 {
		return wallet.Address{}, false
	}
	first, _, _ := strings.Cut(p.s[1:], "/")
	a, err := wallet.Parse(first)
	return a, err == nil
}

// Dir is the folder that p lies in; "/" for a home and for "/" itself.
func (p Path) Dir() Path {
	if i := strings.LastIndexByte(p.s, '/'); i > 0 {
		return Path{p.s[:i]}
	}
	return Path{"/"}
}

// Base is the last name; "/" for "/".
func (p Path) Base() string {
	if p.IsRoot() {
		return "/"
	}
	return p.s[strings.LastIndexByte(p.s, '/')+1:]
}

// Join is the path of name inside p.
func (p Path) Join(name string) (Path, error) {
	if err := CheckName(name); err != nil {
		return Path{}, err
	}
	return pathOf(append(p.Names(), name))
}

// join is Join for a name that comes from the database.
func (p Path) join(name string) Path {
	if p.IsRoot() {
		return Path{"/" + name}
	}
	return Path{p.s + "/" + name}
}
