package durable

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	for _, want := range []string{"one", "", "three"} {
		if err := Replace(file, []byte(want)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		fi, _ := os.Stat(file)
		if err != nil || string(b) != want || fi.Mode().Perm() != 0o600 {
			t.Fatal(string(b), fi.Mode(), err)
		}
	}
	if err := Replace(filepath.Join(dir, "none", "f"), nil); err == nil {
		t.Fatal("a folder that is not there")
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "folder"), []byte("x")); err == nil {
		t.Fatal("a folder was replaced")
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 2 {
		t.Fatal("something is left", all, err)
	}
}
