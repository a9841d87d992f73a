package tray

import "fyne.io/systray"

// NeedsLoop says that the tray lives on the window's loop, which has to run
// from the start, hidden.
const NeedsLoop = true

// Available says whether a tray can be started.
func Available() bool { return true }

// Start is called on the main goroutine, which systray's and Wails's init lock
// to the main thread, before Wails runs: NSStatusItem may be made nowhere else,
// and the external loop leaves NSApp and its delegate to Wails.
func (t *Tray) Start() (stop func()) {
	start, end := systray.RunWithExternalLoop(t.ready, nil)
	start()
	t.do.Seen(true)
	return end
}
