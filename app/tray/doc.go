// Package tray is the program's icon beside the clock, and its menu.
//
//	t := tray.New(tray.Actions{Open: …, Quit: …}, log)
//	if t.Available() { stop := t.Start() }
//	t.Show(state)   // icon, text and entries follow
//
// What is shown for a state is in face.go and knows no system. Below it is
// fyne.io/systray, which exists once in a process:
//
//	Linux    D-Bus (StatusNotifierItem), pure Go; Start returns once the item is on the bus
//	Windows  a hidden window with its own locked thread
//	macOS    made on the main goroutine, before Wails runs; lives on Wails's loop
//
// On Linux the tray ends with the session's bus, and says so (Actions.Ended).
// Handlers run on goroutines of their own: a tray that waits is a frozen tray.
package tray
