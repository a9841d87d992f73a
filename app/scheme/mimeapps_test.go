package scheme

import (
	"strings"
	"testing"
)

const kind, app = "x-scheme-handler/pc2", "pc2.desktop"

func TestDefault(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "[Default Applications]\nx-scheme-handler/pc2=pc2.desktop;\n"},
		{"[Default Applications]\na=b;\n\n[Added Associations]\nx=y;\n", "[Default Applications]\nx-scheme-handler/pc2=pc2.desktop;\na=b;\n\n[Added Associations]\nx=y;\n"},
		{"[Added Associations]\nx-scheme-handler/pc2=other.desktop;", "[Added Associations]\nx-scheme-handler/pc2=other.desktop;\n[Default Applications]\nx-scheme-handler/pc2=pc2.desktop;\n"},
		{"[Default Applications]", "[Default Applications]\n[Default Applications]\nx-scheme-handler/pc2=pc2.desktop;\n"},
	} {
		got := withDefault(c.in, kind, app)
		if got != c.want {
			t.Errorf("%q became %q, want %q", c.in, got, c.want)
		}
		if again := withDefault(got, kind, app); again != got {
			t.Errorf("twice: %q", again)
		}
		if back := withoutDefault(got, kind, app); strings.Contains(back, "pc2=pc2") || !strings.HasPrefix(back, strings.TrimSuffix(c.in, "\n")) && !strings.HasPrefix(c.in, "[Default") {
			t.Errorf("taken back: %q", back)
		}
	}
	// Somebody else's choice stays.
	for _, in := range []string{"[Default Applications]\nx-scheme-handler/pc2=other.desktop\n", "[Default Applications]\n x-scheme-handler/pc2 = other.desktop;pc2.desktop;\n"} {
		if got := withDefault(in, kind, app); got != in {
			t.Errorf("%q", got)
		}
		if got := withoutDefault(in, kind, app); got != in {
			t.Errorf("%q", got)
		}
	}
}

// Whatever stands in the file stays there, and comes back.
func FuzzDefault(f *testing.F) {
	for _, s := range []string{"", "\n", "[Default Applications]\r\na=b\r\n", "[Default Applications", "x-scheme-handler/pc2=a", "[Default Applications]\nx-scheme-handler/pc2=pc2.desktop;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := withDefault(in, kind, app)
		if _, ok := defaultOf(got, kind); !ok {
			t.Fatalf("%q has no default", got)
		}
		if again := withDefault(got, kind, app); again != got {
			t.Fatalf("%q, again %q", got, again)
		}
		back := withoutDefault(got, kind, app)
		for line := range strings.Lines(in) {
			if l := strings.TrimSpace(line); l != kind+"="+app+";" && !strings.Contains(back, l) {
				t.Fatalf("%q is lost from %q: %q", l, in, back)
			}
		}
	})
}
