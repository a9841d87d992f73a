//go:build !windows && !darwin

package autostart

import (
	"os"
	"path/filepath"
	"strings"
)

func (a *Autostart) file() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "autostart", a.entry.ID+".desktop"), err
}

// Enabled says whether the system will start the program.
func (a *Autostart) Enabled() (bool, error) {
	file, err := a.file()
	if err != nil {
		return false, err
	}
	// How desktops turn an entry off without removing it.
	return enabled(file, func(s string) bool {
		return strings.Contains(s, "\nHidden=true") || strings.Contains(s, "\nX-GNOME-Autostart-enabled=false")
	})
}

// Set writes or removes the entry.
func (a *Autostart) Set(on bool) error {
	file, err := a.file()
	if err != nil {
		return err
	}
	return set(file, a.entry.desktopFile(), on)
}
