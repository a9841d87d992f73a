package files_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"pc2/backend/fault"
	"pc2/backend/files"
	"pc2/backend/wallet"
)

var me = wallet.Address{0xab, 19: 1}

const home = "/0xab00000000000000000000000000000000000001"

func TestParsePath(t *testing.T) {
	other := "/0xcd00000000000000000000000000000000000002"
	long := strings.Repeat("x", 255)
	for in, want := range map[string]string{
		// the home's spellings
		"~":                             home,
		"~/":                            home,
		"/~":                            home,
		"/~/":                           home,
		"/~//Documents/":                home + "/Documents",
		"~/a/b":                         home + "/a/b",
		home:                            home,
		"/" + strings.ToUpper(home[1:]): home,
		"/0xAB" + home[5:] + "/x":       home + "/x",
		"a":                             home + "/a",
		"a/b/":                          home + "/a/b",
		".":                             home,
		"./a":                           home + "/a",
		other + "/a":                    other + "/a",
		"/0xCD" + other[5:] + "//a":     other + "/a",
		// slashes and dots
		"/":          "/",
		"//":         "/",
		"/.":         "/",
		"/./~/./a/.": home + "/a",
		"~/a/../b":   home + "/b",
		"a/b/../../": home,
		"~/a//./b":   home + "/a/b",
		"/x/y":       "/x/y", // no home, but a path
		// nothing is decoded, and what is special elsewhere is a name
		"~/%2F":                                  home + "/%2F",
		"~/a%2F..%2Fb":                           home + "/a%2F..%2Fb",
		"~/%00":                                  home + "/%00",
		`~/a\..\b`:                               home + `/a\..\b`,
		"~/~":                                    home + "/~",
		"~a":                                     home + "/~a",
		"~/...":                                  home + "/...",
		"~/ ":                                    home + "/ ",
		"~/" + long:                              home + "/" + long,
		"~/é":                                    home + "/é",       // as given: composed
		"~/e\u0301":                              home + "/e\u0301", // as given: not composed
		"~/日本語/😀":                                home + "/日本語/😀",
		"~/" + home[1:]:                          home + "/" + home[1:],
		"~/0xAB" + "/x":                          home + "/0xAB/x",
		home[1:] + "/a":                          home + home + "/a", // relative: no leading slash
		"/~/../~":                                "",
		"":                                       "",
		"..":                                     "",
		"/..":                                    "",
		"/../x":                                  "",
		"~/..":                                   "",
		"/~/..":                                  "",
		home + "/../x":                           "",
		"/x/../y":                                "",
		"a/../../b":                              "",
		"~/a/../../../b":                         "",
		"~/a\x00":                                "",
		"~/a\nb":                                 "",
		"~/\x7f":                                 "",
		"~/\u0085":                               "",
		"~/\xff":                                 "",
		"~/\xed\xa0\x80":                         "", // a surrogate
		"~/" + long + "x":                        "",
		"~/" + strings.Repeat("é", 255):          home + "/" + strings.Repeat("é", 255),
		"~/" + strings.Repeat("é", 256):          "",
		"~/" + strings.Repeat("日", 255):          home + "/" + strings.Repeat("日", 255),
		"~/" + strings.Repeat("😀", 250):          home + "/" + strings.Repeat("😀", 250), // 1000 bytes
		"~/" + strings.Repeat("😀", 251):          "",
		"~" + strings.Repeat("/a", 128):          home + strings.Repeat("/a", 128),
		"~" + strings.Repeat("/a", 129):          "",
		"~/" + strings.Repeat(long+"/", 15):      home + "/" + strings.TrimSuffix(strings.Repeat(long+"/", 15), "/"),
		"~/" + strings.Repeat(long+"/", 16):      "",
		"~/" + strings.Repeat("a/../", 800):      home,
		"~/" + strings.Repeat("//////", 700):     "",
		strings.Repeat("a/../", 10) + "../b/../": "",
	} {
		p, err := files.ParsePath(me, in)
		if p.String() != want {
			t.Errorf("%.80q: got %q, want %q (%v)", in, p, want, err)
		}
		if (err != nil) != (want == "") || err != nil && (fault.CodeOf(err) != "field_invalid" || fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%.80q: error %v", in, err)
		}
	}
}

func TestPathParts(t *testing.T) {
	p, err := files.ParsePath(me, "~/a/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	if w, ok := p.Home(); !ok || w != me || p.Base() != "b.txt" || p.Dir().String() != home+"/a" || p.IsRoot() || strings.Join(p.Names(), " ") != home[1:]+" a b.txt" {
		t.Fatal(p)
	}
	q, err := p.Dir().Join("b.txt")
	if err != nil || q != p {
		t.Fatal(q, err)
	}
	for _, bad := range []string{"", ".", "..", "a/b", "a\x00"} {
		if _, err := p.Join(bad); err == nil {
			t.Errorf("joined %q", bad)
		}
	}
	root, err := files.ParsePath(me, "/")
	if err != nil || root.Dir() != root || root.Base() != "/" || !root.IsRoot() || root.Names() != nil {
		t.Fatal(root, err)
	}
	if h := p.Dir().Dir(); h.Dir() != root || h.Base() != home[1:] {
		t.Fatal(h)
	}
	if _, ok := root.Home(); ok {
		t.Fatal("the root lies in a home")
	}
}

func TestSelector(t *testing.T) {
	for in, want := range map[string]string{"~/a": home + "/a", "/": "/", files.RootUID: "/", "": "", "/..": ""} {
		s, err := files.ParseSelector(me, in)
		if p, _ := s.Path(); p.String() != want || (err != nil) != (want == "") {
			t.Errorf("%q: %v %v", in, p, err)
		}
	}
	s, err := files.ParseSelector(me, "a/b") // no slash or tilde in front: a uid, which nobody has
	if _, isPath := s.Path(); isPath || err != nil || s.IsZero() {
		t.Fatal(s, err)
	}
	folder, _ := files.ParseSelector(me, "~/a")
	for rel, want := range map[string]string{"b": "/a/b", "/b/c": "/a/b/c", "b/../c/": "/a/c", "": "/a", "..": "!", "b/../../c": "!", "\x00": "!"} {
		s, err := folder.Under(rel)
		p, _ := s.Path()
		if got := strings.TrimPrefix(p.String(), home); err == nil && got != want || (err != nil) != (want == "!") {
			t.Errorf("under %q: %v %v", rel, p, err)
		}
	}
}

func TestMIMEOf(t *testing.T) {
	for name, want := range map[string]string{
		"a.TXT": "text/plain", "a.tar.gz": "application/gzip", "photo.jpeg": "image/jpeg", "x.json": "application/json", "x.wasm": "application/wasm",
		".txt": "application/octet-stream", "txt": "application/octet-stream", "a.": "application/octet-stream", "a.unknown": "application/octet-stream", "": "application/octet-stream",
	} {
		if got := files.MIMEOf(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// FuzzParsePath: what comes out keeps every rule, and is its own canonical form.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"~", "/~/a/../b", "/0xAB00000000000000000000000000000000000001/x", "a//b/./c", "/..", "~/%2F..", "~/e\u0301", "~/\x00", "~/\xff", strings.Repeat("/a", 200), "/x/y", "~x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := files.ParsePath(me, s)
		if err != nil {
			if p != (files.Path{}) || fault.CodeOf(err) != "field_invalid" {
				t.Fatal(p, err)
			}
			return
		}
		if len(p.String()) > 4096 || p.String()[0] != '/' || !utf8.ValidString(p.String()) || len(p.Names()) > 129 {
			t.Fatalf("%q", p)
		}
		for _, n := range p.Names() {
			if err := files.CheckName(n); err != nil || n == ".." || n == "." || utf8.RuneCountInString(n) > 255 || len(n) > 1000 || strings.ContainsAny(n, "/\x00\r\n\x7f") {
				t.Fatalf("%q has the name %q: %v", p, n, err)
			}
		}
		again, err := files.ParsePath(wallet.Address{}, p.String()) // absolute: the home does not matter
		if err != nil || again != p {
			// "~" as the first name would: it cannot be there.
			t.Fatalf("%q again: %q, %v", p, again, err)
		}
		if !strings.HasPrefix(s, "/") {
			if w, ok := p.Home(); !ok || w != me {
				t.Fatalf("%q is not in the home: %q", s, p)
			}
		}
	})
}

func FuzzSelectorUnder(f *testing.F) {
	for _, s := range []string{"a", "/a/b", "../x", "a/../..", "%2e%2e/", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rel string) {
		folder, err := files.ParseSelector(me, "~/inside")
		if err != nil {
			t.Fatal(err)
		}
		s, err := folder.Under(rel)
		if err != nil {
			return
		}
		if p, ok := s.Path(); !ok || p.String() != home+"/inside" && !strings.HasPrefix(p.String(), home+"/inside/") {
			t.Fatalf("%q leaves the folder: %q", rel, p)
		}
	})
}

// FuzzCursor: a page's cursor may have been tampered with; that is an error or another
// place in the same folder.
func FuzzCursor(f *testing.F) {
	w := newWorld(f)
	a := w.user(1)
	for _, n := range []string{"a", "b", "c"} {
		w.put(a, "Documents/"+n, n)
	}
	s := at(f, a, "Documents")
	for _, by := range []string{"name", "modified", "type", "size"} {
		p, err := w.List(f.Context(), a, s, files.ListOptions{Limit: 1, SortBy: by})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Next)
	}
	f.Add("eyJiIjoic2l6ZSIsImsiOiJ4In0")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := w.List(t.Context(), a, s, files.ListOptions{Cursor: cursor, Limit: 10})
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
		for _, e := range p.Items {
			if e.ParentUID != p.Folder.UID || !norm.NFC.IsNormalString(e.Name) {
				t.Fatalf("%+v", e)
			}
		}
	})
}
