//go:build !darwin

package tray

import (
	"runtime"
	"sync/atomic"

	"fyne.io/systray"
)

// NeedsLoop says whether the tray lives on the window's loop: it has its own here.
const NeedsLoop = false

// Start runs the tray's own loop on a locked thread (on Windows its hidden
// window gets messages only on the thread that made it) and returns once the
// icon can be seen.
func (t *Tray) Start() (stop func()) {
	done := make(chan struct{})
	var ends atomic.Bool
	go func() {
		defer close(done)
		runtime.LockOSThread()
		systray.Run(t.ready, func() {
			if ends.CompareAndSwap(false, true) { // not by stop: Windows ends the session
				t.do.Ended()
			}
		})
	}()
	heedless := t.awaitShown()
	return func() {
		heedless()
		if !ends.CompareAndSwap(false, true) {
			return // its own end has led here, and waits
		}
		systray.Quit()
		<-done
	}
}
