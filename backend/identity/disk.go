package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// scratch is what a file is called until it is whole.
const scratch = ".new"

// disk is the data directory. Every change is announced to step before it is
// made, and every sync, so that tests can stop there and know what would
// survive a loss of power.
type disk struct {
	root *os.Root
	path string
	log  *slog.Logger
	step func(op, name string)

	keychain Keychain // nil: none
}

// openDisk makes the directory when it is missing.
func openDisk(path string, log *slog.Logger, step func(op, name string)) (*disk, error) {
	step("mkdir", path)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	return &disk{root: root, path: path, log: log, step: step}, nil
}

func (d *disk) join(name string) string { return filepath.Join(d.path, name) }

// syncParents makes the way to the directory durable: it, and folders above it,
// may have been made by this start, by whoever made them. Best effort, upwards
// from the nearest: what cannot be opened or synced is not ours to insist on.
func (d *disk) syncParents(ctx context.Context) {
	path, err := filepath.Abs(d.path)
	d.step("sync parents", path)
	for err == nil && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		err = syncFolder(path)
	}
	if err != nil {
		d.log.DebugContext(ctx, "a folder above the data directory was not synced", "err", err)
	}
}

// read returns a regular file of at most max bytes. A missing one is
// fs.ErrNotExist; anything else of that name is a refusal.
func (d *disk) read(name string, max int64) ([]byte, error) {
	info, err := d.stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > max {
		return nil, refuse(name, "is damaged: it is far too long.", fmt.Errorf("%d bytes", info.Size()))
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, max))
}

func (d *disk) stat(name string) (fs.FileInfo, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, refuse(name, "is not a regular file.", fmt.Errorf("%s", info.Mode()))
	}
	return info, nil
}

// put writes a file so that its name leads to all of it or to what was there.
// The name itself is durable after sync.
func (d *disk) put(name string, data []byte) error {
	if err := d.write(name+scratch, data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return d.rename(name+scratch, name)
}

// keep is put, durable when it returns.
func (d *disk) keep(name string, data []byte) error {
	if err := d.put(name, data); err != nil {
		return err
	}
	return d.sync()
}

func (d *disk) write(name string, data []byte) (err error) {
	if err := d.remove(name); err != nil {
		return err
	}
	d.step("create", name)
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d.step("write", name)
	if _, err := f.Write(data); err != nil {
		return err
	}
	d.step("sync", name)
	return f.Sync()
}

func (d *disk) rename(from, to string) error {
	d.step("rename", to)
	return d.root.Rename(from, to)
}

func (d *disk) remove(name string) error {
	if _, err := d.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	d.step("remove", name)
	return d.root.Remove(name)
}

// sync makes the names in the directory durable.
func (d *disk) sync() error {
	d.step("sync", ".")
	return syncFolder(d.path)
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // has no such call; NTFS logs names by itself
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// secret are the files whose modes matter, first the directory itself.
var secret = []string{".", keyFile, recordFile, formatFile, dbFile, dbFile + "-wal", dbFile + "-shm"}

const (
	othersWrite = 0o022
	othersAny   = 0o077
)

// guarded refuses a directory that other users of the PC may have changed.
func (d *disk) guarded() error {
	if runtime.GOOS == "windows" { // Go makes the mode up there; the folder's ACL decides
		return nil
	}
	for _, name := range secret {
		info, err := d.root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode().Perm()&othersWrite != 0 {
			return refuse(label(name), "can be changed by other users of this PC. If nobody did, take that right away (chmod go-w) and start again.", fmt.Errorf("mode %s", info.Mode()))
		}
	}
	return nil
}

// tighten takes from other users what rights they have.
func (d *disk) tighten(ctx context.Context) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	for _, name := range secret {
		info, err := d.root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		have := info.Mode().Perm()
		if have&othersAny == 0 {
			continue
		}
		d.step("chmod", name)
		err = d.root.Chmod(name, have&^othersAny)
		d.log.WarnContext(ctx, "other users of this PC had rights here", "file", label(name), "mode", info.Mode().String(), "err", err)
	}
	// Some file systems have no modes. Reading can then not be prevented, but keys are not put where others can write.
	return d.guarded()
}

func label(name string) string {
	if name == "." {
		return "the data directory"
	}
	return name
}
