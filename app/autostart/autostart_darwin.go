package autostart

import (
	"os"
	"path/filepath"
)

func (a *Autostart) file() (string, error) {
	home, err := os.UserHomeDir()
	return filepath.Join(home, "Library", "LaunchAgents", a.entry.ID+".plist"), err
}

// Enabled says whether the system will start the program.
func (a *Autostart) Enabled() (bool, error) {
	file, err := a.file()
	if err != nil {
		return false, err
	}
	return enabled(file, func(string) bool { return false })
}

// Set writes or removes the entry.
func (a *Autostart) Set(on bool) error {
	file, err := a.file()
	if err != nil {
		return err
	}
	return set(file, a.entry.launchAgent(), on)
}
