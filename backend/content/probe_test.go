package content

import (
	"context"
	"errors"
	"strings"

	"pc2/backend/store"
)

// probe is the fault-injecting layer: it asks at before each operation of a disk
// and around each commit. What at returns becomes the operation's error, and the
// operation does not happen. Points are named after the operation and the folder.
type probe struct {
	disk
	at func(point string) error
}

// errShort makes a write do half its work and then fail as a full disk does.
var errShort = errors.New("short write")

// place is the folder of a name, with all of the 256 being "xx".
func place(name string) string {
	dir, _, _ := strings.Cut(name, "/")
	if len(dir) == 2 {
		return "xx"
	}
	return dir
}

func (p probe) Mkdir(name string) error {
	if err := p.at("mkdir " + place(name)); err != nil {
		return err
	}
	return p.disk.Mkdir(name)
}

func (p probe) Create(name string) (file, error) {
	if err := p.at("create in " + place(name)); err != nil {
		return nil, err
	}
	f, err := p.disk.Create(name)
	if err != nil {
		return nil, err
	}
	return probedFile{f, p.at}, nil
}

func (p probe) Open(name string) (source, error) {
	if err := p.at("open in " + place(name)); err != nil {
		return nil, err
	}
	return p.disk.Open(name)
}

func (p probe) Link(old, new string) error {
	if err := p.at("link into " + place(new)); err != nil {
		return err
	}
	return p.disk.Link(old, new)
}

func (p probe) Rename(old, new string) error {
	if err := p.at("rename into " + place(new)); err != nil {
		return err
	}
	return p.disk.Rename(old, new)
}

func (p probe) Remove(name string) error {
	if err := p.at("remove from " + place(name)); err != nil {
		return err
	}
	return p.disk.Remove(name)
}

func (p probe) SyncDir(name string) error {
	if err := p.at("sync folder " + place(name)); err != nil {
		if s, ok := p.disk.(*sim); ok {
			s.doomFolder(name)
		}
		return err
	}
	return p.disk.SyncDir(name)
}

func (p probe) List(name string, each func(string) error) error {
	if err := p.at("list " + place(name)); err != nil {
		return err
	}
	return p.disk.List(name, each)
}

type probedFile struct {
	file
	at func(point string) error
}

func (f probedFile) WriteAt(b []byte, off int64) (int, error) {
	err := f.at("write")
	if err == nil {
		return f.file.WriteAt(b, off)
	}
	if errors.Is(err, errShort) {
		n, _ := f.file.WriteAt(b[:len(b)/2], off)
		return n, err
	}
	return 0, err
}

func (f probedFile) Sync() error {
	if err := f.at("sync file"); err != nil {
		if s, ok := f.file.(*simHandle); ok {
			s.doom()
		}
		return err
	}
	return f.file.Sync()
}

func (f probedFile) Close() error {
	if err := f.at("close"); err != nil {
		f.file.Close()
		return err
	}
	return f.file.Close()
}

// commits is the layer around the writer. A failure before it means that nothing
// happened; one inside rolls back; one after it that nobody knows: the outcome of
// the commit is in the database, the answer is lost.
func commits(db *store.DB, at func(point string) error) func(context.Context, func(*store.Tx) error) error {
	return func(ctx context.Context, fn func(*store.Tx) error) error {
		if err := at("before commit"); err != nil {
			return err
		}
		var inside error
		err := db.Write(ctx, func(tx *store.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			inside = at("in commit")
			return inside
		})
		if err != nil {
			return err
		}
		if err := at("after commit"); err != nil {
			return store.ErrReadOnly.Because(errors.Join(store.ErrUnknown, err))
		}
		return nil
	}
}
