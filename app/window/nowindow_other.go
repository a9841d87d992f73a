//go:build !windows

package window

import (
	"errors"
	"os"
	"runtime"
)

// noWindow says why no window can be had. Asked before Wails, which would panic.
func noWindow() error {
	if runtime.GOOS == "linux" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return errors.New("neither DISPLAY nor WAYLAND_DISPLAY is set")
	}
	return nil
}

// Possible says whether a window can be tried at all.
func Possible() error { return noWindow() }
