package link

import (
	"net/url"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for s, want := range map[string]string{
		"pc2://":                     "",
		"PC2://open":                 "/files",
		"pc2://open/":                "/files",
		"pc2://open/Documents/Taxes": "/files/Documents/Taxes",
		"pc2://open/a%20b//c":        "/files/a%20b/c",
		"pc2://open/a%2Fb":           "/files/a/b",
		"pc2://open/%3Cscript%3E":    "/files/%3Cscript%3E",
		"pc2://open/%23x%3Fy":        "/files/%23x%3Fy",
		"pc2://devices":              "/settings/devices",
		"pc2://address/":             "/desktop/address",
		"pc2://About":                "/desktop/about",
	} {
		if got, err := Parse(s); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "pc2", "pc2:open", "pc2:/open", "http://open/x", "pc2://open/../../etc", "pc2://open/%2e%2e/x", "pc2://open/a%5Cb", "pc2://open/a%00b", "pc2://open/a%0Ab",
		"pc2://user@open/x", "pc2://open:80/x", "pc2://open/x?y=1", "pc2://open/x#y", "pc2://open?", "pc2://run/x", "pc2://about/x", "pc2://evil.example/", "pc2://open/%zz",
		"pc2://open/\xff", "pc2://open/" + strings.Repeat("a", maxLink), "javascript:pc2://open", " pc2://open",
	} {
		if got, err := Parse(s); err == nil {
			t.Errorf("%q was taken as %q", s, got)
		}
	}
	if !Is("pc2://open") || !Is("PC2:x") || Is("pc") || Is("--hidden") || Is("http://pc2:") {
		t.Error("Is")
	}
}

// Whatever comes in, the page is one of this PC2's, below the paths that links may open.
func FuzzParse(f *testing.F) {
	f.Add("pc2://open/a/b")
	f.Add("pc2://open//evil.example")
	f.Add("pc2://devices")
	f.Fuzz(func(t *testing.T, s string) {
		to, err := Parse(s)
		if err != nil || to == "" {
			return
		}
		base, _ := url.Parse("http://127.0.0.1:4200/")
		u, err := base.Parse(to)
		if err != nil || u.Host != base.Host || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q leads to %q", s, to)
		}
		if to != "/files" && !strings.HasPrefix(to, "/files/") && to != "/settings/devices" && to != "/desktop/address" && to != "/desktop/about" {
			t.Fatalf("%q leads to %q", s, to)
		}
	})
}
