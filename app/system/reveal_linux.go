package system

import (
	"context"
	"net/url"
	"path/filepath"
	"time"

	"github.com/godbus/dbus/v5"
)

const fileManager = "org.freedesktop.FileManager1"

// Reveal shows a file, marked, in its folder; where the file manager cannot do
// that, the folder.
func Reveal(file string) error {
	if show(file) == nil {
		return nil
	}
	return Folder(filepath.Dir(file))
}

func show(file string) error {
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // it may have to start
	defer cancel()
	uri := (&url.URL{Scheme: "file", Path: file}).String()
	return c.Object(fileManager, "/org/freedesktop/FileManager1").CallWithContext(ctx, fileManager+".ShowItems", 0, []string{uri}, "").Err
}
