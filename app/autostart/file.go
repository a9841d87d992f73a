//go:build !windows

package autostart

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// enabled and set are Enabled and Set where the entry is a file.
func enabled(file string, off func(content string) bool) (bool, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the entry for start at login: %w", err)
	}
	return !off(string(b)), nil
}

func set(file, content string, on bool) error {
	if !on {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the entry for start at login: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("write the entry for start at login: %w", err)
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, []byte(content), 0o600); err != nil {
		return fmt.Errorf("write the entry for start at login: %w", err)
	}
	if err := os.Rename(tmp, file); err != nil {
		return errors.Join(fmt.Errorf("write the entry for start at login: %w", err), os.Remove(tmp))
	}
	return nil
}
