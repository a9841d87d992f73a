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
// On Linux something else shows it, which may come late and go (Actions.Seen), and
// it ends with the session's bus (Actions.Ended), as it does on Windows with the
// session.
// Handlers run on goroutines of their own: a tray that waits is a frozen tray.
package tray
