package node

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// paths names everything in the data directory that this package touches.
// Package identity owns the keys and pc2.db, package content owns objects.
type paths struct{ dir string }

func (p paths) lock() string    { return filepath.Join(p.dir, "lock") }
func (p paths) config() string  { return filepath.Join(p.dir, "config.json") }
func (p paths) runtime() string { return filepath.Join(p.dir, "runtime") }
func (p paths) control() string { return filepath.Join(p.dir, "runtime", "control.json") }
func (p paths) public() string  { return filepath.Join(p.dir, "public.json") }
func (p paths) super() string   { return filepath.Join(p.dir, "super") }
func (p paths) logs() string    { return filepath.Join(p.dir, "logs") }

// DefaultDir is where the operating system wants a program's data.
func DefaultDir() (string, error) {
	for _, env := range []string{"PC2_DATA_DIR", "DATA_DIR"} {
		if d := os.Getenv(env); d != "" {
			return filepath.Abs(d)
		}
	}
	home, err := os.UserHomeDir()
	switch runtime.GOOS {
	case "windows":
		if d := os.Getenv("LocalAppData"); d != "" {
			return filepath.Join(d, "pc2"), nil
		}
		return "", errors.New("%LocalAppData% is not set; name a folder with --data")
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "pc2"), err
	}
	if d := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "pc2"), nil
	}
	return filepath.Join(home, ".local", "share", "pc2"), err
}
