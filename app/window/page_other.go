//go:build !linux || !production

package window

import (
	"context"

	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// restPage sends the closed window to an empty page.
func restPage(c context.Context) { runtime.WindowExecJS(c, "location.replace('about:blank')") }

// loadPage goes to the local page, which asks where to go.
func loadPage(c context.Context, _ string) { runtime.WindowReloadApp(c) }

const direct = false

// guard does nothing: these webviews bring a page back by themselves.
func guard() {}

// heedDisplay does nothing: elsewhere the end of a session is told.
func heedDisplay(func()) {}

// isDark is not known before these webviews run.
func isDark() bool { return false }
