package window

import (
	"errors"

	"github.com/wailsapp/go-webview2/webviewloader"
)

// noWindow says why no window can be had. Asked before Wails, which would stop at a
// message box of its own.
func noWindow() error {
	if v, err := webviewloader.GetAvailableCoreWebView2BrowserVersionString(""); err != nil || v == "" {
		return errors.Join(errors.New("the WebView2 runtime is not installed"), err)
	}
	return nil
}

// Possible says whether a window can be tried at all.
func Possible() error { return noWindow() }
