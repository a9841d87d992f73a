package system

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"git.sr.ht/~jackmordaunt/go-toast/v2/wintoast"
)

// Notify shows a notification. By the library's lower half: its upper one puts
// the text into XML as it is, and when Windows refuses that, into a PowerShell
// script, where the name of a strange device would be run.
func Notify(_ context.Context, n Notice) error {
	show := ""
	if n.Show != "" {
		show = (&url.URL{Scheme: "file", Path: "/" + filepath.ToSlash(filepath.Dir(n.Show))}).String()
	}
	if err := wintoast.Push("PC2", toast(n, show)); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}
