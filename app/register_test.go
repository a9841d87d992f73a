package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pc2/backend/node"
)

// Login starts PC2 in another folder, and it must be the same PC2.
func TestStartAtLogin(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PC2_DATA_DIR", "")
	t.Setenv("DATA_DIR", "")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags node.Flags
		want  []string
	}{
		{node.Flags{Profile: node.DefaultProfile}, []string{"--hidden"}},
		{node.Flags{Profile: "local", Data: "x"}, []string{"--hidden", "--data", "/data", "--profile", "local"}},
		{
			node.Flags{Profile: "net.json", Listen: "127.0.0.1:4321", Name: "alice", ReadyFile: "/r", RestorePhraseFile: "/p"},
			[]string{"--hidden", "--profile", filepath.Join(here, "net.json"), "--listen", "127.0.0.1:4321", "--name", "alice"},
		},
		{node.Flags{Profile: filepath.Join(here, "net.json")}, []string{"--hidden", "--profile", filepath.Join(here, "net.json")}},
	} {
		if got := atLogin(entryOf(flags{Flags: c.flags}, "/data", slog.Default())).Args; !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.flags, got, c.want)
		}
	}
}
