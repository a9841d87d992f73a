package identity

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestParsePhrase(t *testing.T) {
	want := load(t).Chain[3].Phrase
	words := strings.Fields(want)
	wide := strings.Map(func(r rune) rune { // full-width letters, as some input methods make them
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'ａ'
		}
		return r
	}, want)
	for name, in := range map[string]string{
		"as is":          want,
		"line end":       want + "\r\n",
		"lines":          strings.Join(words, "\n"),
		"tabs and space": "\t " + strings.Join(words, " \t  ") + "\n\n",
		"upper case":     strings.ToUpper(want),
		"byte order":     "\ufeff" + want,
		"no-break space": strings.Join(words, "\u00a0"),
		"wide space":     strings.Join(words, "\u3000"),
		"full width":     wide,
	} {
		p, err := ParsePhrase(in)
		if err != nil || p.Reveal() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParsePhraseRefuses(t *testing.T) {
	good := strings.Fields(load(t).Chain[3].Phrase)
	change := func(f func(w []string) []string) string { return strings.Join(f(append([]string{}, good...)), " ") }
	for _, test := range []struct{ name, in, says string }{
		{"empty", "", "it has 0 words, not 24"},
		{"blank", " \n\t", "it has 0 words, not 24"},
		{"23 words", change(func(w []string) []string { return w[1:] }), "it has 23 words, not 24"},
		{"25 words", change(func(w []string) []string { return append(w, "zoo") }), "it has 25 words, not 24"},
		{"12 good words", strings.Repeat("abandon ", 11) + "about", "it has 12 words, not 24"},
		{"unknown word", change(func(w []string) []string { w[6] = "hunter2secret"; return w }), "word 7 is not in the list of BIP-39"},
		{"two swapped", change(func(w []string) []string { w[2], w[3] = w[3], w[2]; return w }), "do not fit together"},
		{"one wrong", change(func(w []string) []string { w[23] = "zoo"; return w }), "do not fit together"},
		{"too long", strings.Repeat("abandon ", 600), "longer than 4096 bytes"},
		{"binary", string([]byte{0, 255, 254, 1}), "it has 1 words"},
	} {
		p, err := ParsePhrase(test.in)
		if !errors.Is(err, ErrPhrase) || !strings.Contains(err.Error(), test.says) || !p.IsZero() {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for _, w := range append(good, "hunter2secret") {
			if len(w) > 4 && strings.Contains(err.Error(), w) {
				t.Errorf("%s: the error repeats a word: %v", test.name, err)
			}
		}
	}
}

func TestReadPhrase(t *testing.T) {
	want := load(t).Chain[3].Phrase
	path := filepath.Join(t.TempDir(), "phrase")
	write(t, path, []byte(want+"\n"))
	if p, err := ReadPhrase(path); err != nil || p.Reveal() != want {
		t.Error(err)
	}
	write(t, path, []byte(strings.Repeat(" ", maxPhrase)+want))
	if _, err := ReadPhrase(path); !errors.Is(err, ErrPhrase) {
		t.Errorf("too long: %v", err)
	}
	write(t, path, nil)
	if _, err := ReadPhrase(path); !errors.Is(err, ErrPhrase) {
		t.Errorf("empty: %v", err)
	}
	if _, err := ReadPhrase(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := ReadPhrase(filepath.Dir(path)); err == nil {
		t.Error("a folder was read")
	}
}

func FuzzParsePhrase(f *testing.F) {
	for _, v := range load(f).Chain {
		f.Add(v.Phrase)
	}
	f.Add("\ufeffABANDON \u3000")
	f.Add(strings.Repeat("zoo ", 24))
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePhrase(s)
		if err != nil {
			if !errors.Is(err, ErrPhrase) || !p.IsZero() {
				t.Errorf("%v", err)
			}
			return
		}
		if n := len(strings.Fields(p.Reveal())); n != 24 {
			t.Errorf("%d words", n)
		}
		if q, err := ParsePhrase(p.Reveal()); err != nil || !q.equal(p) {
			t.Errorf("does not read back: %v", err)
		}
	})
}
