//go:build !linux || !production

package window

import (
	"context"

	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// restPage sends the closed window to an empty page.
func restPage(c context.Context) { runtime.WindowExecJS(c, "location.replace('about:blank')") }

func loadPage(c context.Context) { runtime.WindowReloadApp(c) }

// guard does nothing: these webviews bring a page back by themselves.
func guard() {}
