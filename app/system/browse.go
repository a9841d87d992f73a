package system

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"

	"github.com/pkg/browser"
)

// toStderr keeps what a browser says out of the output, where PC2 prints addresses.
// The library's variable is read by each opening, so it is set before the first.
var toStderr = sync.OnceFunc(func() { browser.Stdout = os.Stderr })

// Browse opens an http or https address in the system's browser. It may take
// as long as that lives: call it on a goroutine.
func Browse(to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("only addresses that begin with http:// or https:// are opened")
	}
	toStderr()
	return browser.OpenURL(to)
}

// Folder shows a folder in the file manager.
func Folder(dir string) error {
	if info, err := os.Stat(dir); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is no folder", dir)
	}
	toStderr()
	return browser.OpenFile(dir)
}
