package autostart

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
)

// Enabled says whether the system will start the program.
func (a *Autostart) Enabled() (bool, error) {
	k, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the entry for start at login: %w", err)
	}
	defer k.Close()
	_, _, err = k.GetStringValue(a.entry.ID)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the entry for start at login: %w", err)
	}
	return !a.turnedOff(), nil
}

// turnedOff says whether the Task Manager keeps the entry from starting: the
// first byte of its value is odd then.
func (a *Autostart) turnedOff() bool {
	k, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.QUERY_VALUE)
	if err != nil {
		return false // nobody has turned off anything
	}
	defer k.Close()
	b, _, err := k.GetBinaryValue(a.entry.ID)
	return err == nil && len(b) > 0 && b[0]&1 == 1
}

// Set writes or removes the entry.
func (a *Autostart) Set(on bool) error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("write the entry for start at login: %w", err)
	}
	defer k.Close()
	if on {
		err = k.SetStringValue(a.entry.ID, a.entry.CommandLine())
		if approved, aerr := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.SET_VALUE); aerr == nil {
			_ = approved.DeleteValue(a.entry.ID) // it may never have been turned off
			approved.Close()
		}
	} else if err = k.DeleteValue(a.entry.ID); errors.Is(err, registry.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("write the entry for start at login: %w", err)
	}
	return nil
}
