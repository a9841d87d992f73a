//go:build !linux && !windows

package download

import (
	"os"
	"path/filepath"
)

// Folder is where this user finds downloads.
func Folder() (string, error) {
	home, err := os.UserHomeDir()
	return filepath.Join(home, "Downloads"), err
}
