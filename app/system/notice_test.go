package system

import (
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"Anna's phone": "Anna's phone", "a\nb\x1b[31m": "a b [31m", "a\u202Eb": "a b", "\xff": "\uFFFD",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := plain(strings.Repeat("ä", 1000)); utf8.RuneCountInString(got) != maxNotice || !strings.HasSuffix(got, "ä…") {
		t.Error(got)
	}
}

// Whatever others are called, Windows gets our elements with text in them.
func TestToast(t *testing.T) {
	for _, evil := range []string{"plain", `]]><image src="http://evil.example/"/>`, `"><action arguments="x"/>`, "$(calc) `n", "<&>", "\x00\xff"} {
		d := xml.NewDecoder(strings.NewReader(toast(Notice{Title: evil, Text: evil}, "file:///C:/a%20b/"+evil)))
		elements, texts := "", ""
		for {
			token, err := d.Token()
			if err != nil {
				if err.Error() != "EOF" {
					t.Fatal(evil, err)
				}
				break
			}
			switch x := token.(type) {
			case xml.StartElement:
				elements += x.Name.Local + " "
			case xml.CharData:
				texts += string(x)
			}
		}
		if elements != "toast visual binding text text actions action " || texts != plain(evil)+plain(evil) {
			t.Errorf("%q: %s %q", evil, elements, texts)
		}
	}
}
