package download

import (
	"os"
	"path/filepath"
	"strings"
)

// Folder is where this user finds downloads: what the desktop has set
// (user-dirs.dirs), else ~/Downloads.
func Folder() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	if b, err := os.ReadFile(filepath.Join(config, "user-dirs.dirs")); err == nil { // most have none
		if dir := userDir(string(b), home); dir != "" {
			return dir, nil
		}
	}
	return filepath.Join(home, "Downloads"), nil
}

// userDir reads XDG_DOWNLOAD_DIR="$HOME/…" or an absolute path. The home itself
// is how the format says "none".
func userDir(text, home string) (dir string) {
	for line := range strings.Lines(text) {
		v, ok := strings.CutPrefix(strings.TrimSpace(line), `XDG_DOWNLOAD_DIR="`)
		if !ok || !strings.HasSuffix(v, `"`) {
			continue
		}
		v = unescape(strings.TrimSuffix(v, `"`))
		if rest, ok := strings.CutPrefix(v, "$HOME"); ok && (rest == "" || rest[0] == '/') {
			v = home + rest
		}
		if filepath.IsAbs(v) && filepath.Clean(v) != filepath.Clean(home) {
			dir = filepath.Clean(v) // the last one counts
		} else {
			dir = ""
		}
	}
	return dir
}

// unescape takes the backslashes away that the format's quotes need.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
