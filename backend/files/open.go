package files

import (
	"context"
	"errors"
	"fmt"

	"pc2/backend/content"
)

// File is a file opened for reading: the entry and exactly its content, whatever
// happens to the entry meanwhile. Close it.
type File struct {
	Entry
	*content.Reader
}

// Size is the content's.
func (f *File) Size() int64 { return f.Reader.Size() }

// Open opens a file for reading.
func (t *Tree) Open(ctx context.Context, a Actor, s Selector) (*File, error) {
	var last content.ID
	for try := range 4 {
		at, err := t.findFile(ctx, a, s, try == 0)
		if err != nil {
			return nil, err
		}
		r := at.last()
		if try > 0 && r.object.V == last {
			t.log.Error("content of a file is missing", "object", last, "uid", r.uid)
			return nil, ErrUnavailable
		}
		f, err := t.open(ctx, at)
		if !errors.Is(err, content.ErrGone) {
			return f, err
		}
		// Overwritten or deleted between the two: the row tells which.
		last = r.object.V
	}
	return nil, ErrUnavailable.Because(errors.New("overwritten at every try to open it"))
}

// findFile finds the file, or remembers it.
func (t *Tree) findFile(ctx context.Context, a Actor, s Selector, remember bool) (chain, error) {
	version, q := t.db.Version(), asked{a, s.path, s.uid}
	remember = remember && s.below == nil
	if at := t.recall.get(version, q); at != nil && remember {
		return at, nil
	}
	p, err := resolve(t.db.Read(ctx), a, s)
	switch {
	case err != nil:
		return nil, err
	case p.root:
		return nil, ErrIsFolder
	case !p.exists():
		return nil, ErrNotFound
	case p.found.last().isDir:
		return nil, ErrIsFolder
	}
	if remember {
		t.recall.put(version, q, p.found)
	}
	return p.found, nil
}

func (t *Tree) open(ctx context.Context, at chain) (*File, error) {
	r := at.last()
	key, err := t.keyring.Unwrap(r.owner, r.object.V, r.key)
	if err != nil {
		return nil, ErrUnavailable.Because(fmt.Errorf("unwrap the key of %s: %w", r.uid, err))
	}
	body, err := t.content.Open(ctx, content.Ref{ID: r.object.V, Key: key, Size: r.size})
	if err != nil {
		return nil, err
	}
	return &File{at.entry(), body}, nil
}
