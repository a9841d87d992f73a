package content

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
)

// disk is all that the store does to its folder. Names are relative to objects/
// and have at most one slash. Tests put a layer around it that fails, stops, and
// forgets what is not yet synced.
type disk interface {
	Mkdir(name string) error          // fs.ErrExist when it is there
	Create(name string) (file, error) // never an existing one
	Open(name string) (source, error) // for reading
	Link(old, new string) error       // fs.ErrExist when new is there
	Rename(old, new string) error     // replaces new
	Remove(name string) error         // fs.ErrNotExist when it is not there
	SyncDir(name string) error        // what was created, linked, renamed and removed in it
	List(name string, each func(entry string) error) error
	Free() (int64, error) // bytes that may be written
	Close() error
}

// file is an object being written.
type file interface {
	io.WriterAt
	Sync() error // its bytes and length; the entry is SyncDir's
	Close() error
}

// source is an object being read.
type source interface {
	io.ReaderAt
	io.Closer
	Length() (int64, error)
}

// rooted is the disk: every name is resolved inside one folder, whatever links
// somebody puts there, and on Windows files can be removed under their readers.
type rooted struct{ root *os.Root }

// openDisk makes dir if need be and opens it.
func openDisk(dir string) (disk, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return rooted{root}, nil
}

func (d rooted) Mkdir(name string) error      { return d.root.Mkdir(name, 0o700) }
func (d rooted) Link(old, new string) error   { return d.root.Link(old, new) }
func (d rooted) Rename(old, new string) error { return d.root.Rename(old, new) }
func (d rooted) Remove(name string) error     { return d.root.Remove(name) }
func (d rooted) Close() error                 { return d.root.Close() }

func (d rooted) Create(name string) (file, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &written{File: f}, nil
}

func (d rooted) Open(name string) (source, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	return opened{f}, nil
}

func (d rooted) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // NTFS journals its folders, and a folder's handle cannot be flushed
	}
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d rooted) List(name string, each func(string) error) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(1024)
		for _, n := range names {
			if err := each(n); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type opened struct{ *os.File }

func (o opened) Length() (int64, error) {
	fi, err := o.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
