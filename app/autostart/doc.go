// Package autostart makes a program start when its user logs in, in the way of
// each system: an entry in ~/.config/autostart, a value below the registry's Run
// key, a LaunchAgent.
//
//	a := autostart.New(autostart.Entry{Name: "PC2", Exec: exe, Args: []string{"--hidden"}})
//	on, err := a.Enabled()
//	err = a.Set(true)
//
// Enabled reads what the system has, so that an entry that somebody removed or
// turned off elsewhere shows as off. Set(true) again writes the entry anew: a
// program that was moved is found again.
package autostart
