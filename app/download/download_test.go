package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func write(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// holds fails unless dir has these files and no other, hidden ones included.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(want) {
		t.Fatal("in the folder:", all)
	}
	for name, content := range want {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != content {
			t.Fatalf("%s: %q %v", name, b, err)
		}
	}
}

func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	for n, want := range []string{"a.txt", "a (2).txt", "a (3).txt"} {
		if got, err := Save(t.Context(), dir, "a.txt", write(fmt.Sprint(n))); err != nil || got != want {
			t.Fatal(got, err)
		}
	}
	for n, want := range []string{".profile", ".profile (2)"} {
		if got, err := Save(t.Context(), dir, ".profile", write(fmt.Sprint(n))); err != nil || got != want {
			t.Fatal(got, err)
		}
	}
	if got, err := Save(t.Context(), dir, "../../evil", write("x")); err != nil || got != ".._.._evil" {
		t.Fatal(got, err)
	}
	holds(t, dir, map[string]string{"a.txt": "0", "a (2).txt": "1", "a (3).txt": "2", ".profile": "0", ".profile (2)": "1", ".._.._evil": "x"})
}

// Many at once, all of the same name: each keeps its own.
func TestSaveAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	const n = 50
	for i := range n {
		all.Go(func() {
			if _, err := Save(t.Context(), dir, "x.bin", write(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		seen[string(b)] = true
	}
	if len(seen) != n || len(files) != n {
		t.Fatal(len(seen), len(files))
	}
}

// What fails in the middle, or is stopped, leaves nothing, and never has its name.
func TestSaveGivenUp(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("broken")
	_, err := Save(t.Context(), dir, "a", func(w io.Writer) error {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
			t.Error("a half file has its name")
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	holds(t, dir, nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Save(ctx, dir, "a", func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		cancel()
		_, err := io.WriteString(w, "rest")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// Stopped after the last byte: it was not wanted any more.
	if _, err = Save(ctx, dir, "a", func(io.Writer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	holds(t, dir, nil)

	// A file stands where the folder should be.
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Save(t.Context(), filepath.Join(dir, "file"), "a", write("x")); err == nil {
		t.Fatal("saved into a file")
	}
}

// Where the disk knows no links.
func TestClaimWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	tmp := filepath.Join(dir, "tmp") // a folder can be renamed, and not linked
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := claim(tmp, filepath.Join(dir, "a")); err == nil {
		t.Fatal("a folder took a file's place")
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Fatal("the name that was taken is left")
	}
}

func TestName(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for _, c := range []struct{ system, in, want string }{
		{"linux", "a b (1).txt", "a b (1).txt"},
		{"linux", "", "file"},
		{"linux", "..", "file"},
		{"linux", "a/b", "a_b"},
		{"linux", `a\b:c`, `a\b:c`},
		{"linux", "a\x00b\nc\x7f", "a_b_c_"},
		{"linux", "exe\u202Etxt.sh", "exe_txt.sh"},
		{"linux", "a\xff", "a_"},
		{"windows", `a\b:c*?"<>|`, "a_b_c______"},
		{"windows", "a. . ", "a"},
		{"windows", "CON", "_CON"},
		{"windows", "con.txt", "_con.txt"},
		{"windows", "lpt1 .txt", "_lpt1 .txt"},
		{"windows", "COM", "COM"},
		{"windows", "console", "console"},
		{"linux", long + ".jpeg", strings.Repeat("ä", 97) + ".jpeg"},
	} {
		if got := nameFor(c.system, c.in); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.system, c.in, got, c.want)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"a.txt", "..", "CON.", "\xff", strings.Repeat("a", 300), "." + strings.Repeat("b", 300), " "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, system := range []string{"linux", "windows", "darwin"} {
			got := nameFor(system, in)
			if got == "" || got == "." || got == ".." || strings.ContainsAny(got, "/\x00") || len(got) > maxName+1 || !utf8.ValidString(got) {
				t.Fatalf("%s %q: %q", system, in, got)
			}
			if system == "windows" && strings.ContainsAny(got, `\:`) {
				t.Fatalf("%q: %q", in, got)
			}
		}
	})
}
