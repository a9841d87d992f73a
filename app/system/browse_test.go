//go:build linux

package system

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The system's opener gets the address as one argument, from whichever goroutine.
func TestBrowse(t *testing.T) {
	dir := t.TempDir()
	opened := filepath.Join(dir, "opened")
	opener := filepath.Join(dir, "xdg-open")
	if err := os.WriteFile(opener, []byte("#!/bin/sh\nprintf '%s\\n' \"$#:$1\" >>'"+opened+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, to := range []string{"", "file:///etc/passwd", "javascript:alert(1)", "pc2://open", "http:///x", "-x", "//evil.example"} {
		if Browse(to) == nil {
			t.Errorf("%q was opened", to)
		}
	}
	want := []string{"1:file://" + dir, "1:http://127.0.0.1:1/a", "1:https://example.org/?b=c d#e"}
	var all sync.WaitGroup
	for _, w := range want {
		all.Go(func() {
			open, to := Browse, strings.TrimPrefix(w, "1:")
			if folder, ok := strings.CutPrefix(to, "file://"); ok {
				open, to = Folder, folder
			}
			if err := open(to); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	b, err := os.ReadFile(opened)
	got := strings.Split(strings.TrimSpace(string(b)), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Fatal(got, err)
	}
	if Folder(opener) == nil {
		t.Error("a file was opened as a folder")
	}
}
