package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"pc2/app/download"
	"pc2/app/system"
	"pc2/backend/api"
	"pc2/backend/fault"
)

var (
	errDiskFull = fault.New(fault.Full, "disk_of_downloads_full", "There is no room for this file where downloads go.")
	errNotSaved = fault.New(fault.Unavailable, "not_saved", "The file could not be saved in the folder for downloads.")
	errNoSaved  = fault.New(fault.NotFound, "not_saved", "There is no such file in the folder for downloads any more.")
)

// longSave is what nobody watches to its end.
const longSave = 10 * time.Second

// Save puts a file into the folder for downloads. The page shows how far it is;
// who may not see that is told at the end.
func (p *forPage) Save(ctx context.Context, name string, write func(io.Writer) error) (api.Saved, error) {
	began := time.Now()
	dir, err := download.Folder()
	if err != nil {
		return api.Saved{}, errNotSaved.Because(err)
	}
	got, err := download.Save(ctx, dir, name, write)
	unseen := !p.window.Seen() || time.Since(began) > longSave
	switch {
	case err == nil:
	case ctx.Err() != nil:
		p.log.Info("a download was given up", "err", err)
		return api.Saved{}, context.Cause(ctx)
	default:
		if unseen {
			(*desktop)(p).notify("Not saved", fmt.Sprintf("“%s” could not be saved.", name))
		}
		if download.Full(err) {
			return api.Saved{}, errDiskFull.Because(err)
		}
		return api.Saved{}, errNotSaved.Because(err)
	}
	folder := filepath.Base(dir)
	p.log.Info("a download was saved", "after", time.Since(began).Round(time.Millisecond))
	if unseen {
		(*desktop)(p).tell(system.Notice{Title: "Saved", Text: fmt.Sprintf("“%s” is in %s.", got, folder), Show: filepath.Join(dir, got)})
	}
	return api.Saved{Name: got, Folder: folder}, nil
}

// Reveal shows a saved file: nothing outside of that folder.
func (p *forPage) Reveal(name string) error {
	dir, err := download.Folder()
	if err != nil {
		return errNoSaved.Because(err)
	}
	if name == "" || name == "." || name != filepath.Base(name) || !filepath.IsLocal(name) {
		return errNoSaved
	}
	file := filepath.Join(dir, name)
	if _, err := os.Lstat(file); errors.Is(err, os.ErrNotExist) {
		return errNoSaved
	} else if err != nil {
		return errNoSaved.Because(err)
	}
	(*desktop)(p).attempt("the folder", func() error { return system.Reveal(file) })
	return nil
}
