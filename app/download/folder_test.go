//go:build linux

package download

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFolder(t *testing.T) {
	home, config := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", config)
	for _, c := range []struct{ in, want string }{
		{"", home + "/Downloads"},
		{"# x\nXDG_DESKTOP_DIR=\"$HOME/Desktop\"\nXDG_DOWNLOAD_DIR=\"$HOME/Téléchargements\"\n", home + "/Téléchargements"},
		{`XDG_DOWNLOAD_DIR="/big/My \"new\" \\ files"`, `/big/My "new" \ files`},
		{`XDG_DOWNLOAD_DIR="$HOME/"`, home + "/Downloads"},
		{`XDG_DOWNLOAD_DIR="$HOMER/x"`, home + "/Downloads"},
		{`XDG_DOWNLOAD_DIR="relative"`, home + "/Downloads"},
		{`XDG_DOWNLOAD_DIR="`, home + "/Downloads"},
	} {
		if err := os.WriteFile(filepath.Join(config, "user-dirs.dirs"), []byte(c.in), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Folder(); err != nil || got != c.want {
			t.Errorf("%q: %s %v, want %s", c.in, got, err, c.want)
		}
	}
}
