package files

import (
	"context"
	"slices"

	"pc2/backend/store"
)

// MkdirRequest says what Mkdir does.
type MkdirRequest struct {
	To            Selector
	Overwrite     bool // replaces a file of that name
	DedupeName    bool // takes a free name instead: "name (1)"
	CreateParents bool // makes the folders that are missing on the way
	Origin        string
}

// Mkdir makes a folder. One that is already there is returned as it is.
func (t *Tree) Mkdir(ctx context.Context, a Actor, req MkdirRequest) (e Entry, err error) {
	// Most calls for a folder that exists, or cannot be made, need no writer.
	p, err := resolve(t.db.Read(ctx), a, req.To)
	if err != nil {
		return Entry{}, err
	}
	if e, done, err := req.settled(p); done {
		return e, err
	}
	err = t.write(ctx, req.Origin, func(c *change) error {
		e, err = c.mkdir(c.tx, a, req)
		return err
	})
	return e, err
}

// settled answers what needs no change.
func (req MkdirRequest) settled(p place) (e Entry, done bool, err error) {
	if p.exists() && p.found.last().isDir && (!req.DedupeName || len(p.found) == 1) {
		return p.found.entry(), true, nil
	}
	_, err = p.target(req.CreateParents)
	return Entry{}, err != nil, err
}

func (c *change) mkdir(q store.Queryer, a Actor, req MkdirRequest) (Entry, error) {
	p, err := resolve(q, a, req.To)
	if err != nil {
		return Entry{}, err
	}
	if e, done, err := req.settled(p); done {
		return e, err
	}
	to, err := p.target(req.CreateParents)
	if err != nil {
		return Entry{}, err
	}
	if to.old != nil {
		switch old := to.old.last(); {
		case req.Overwrite && !old.isDir:
			err = c.remove(to.old)
		case req.DedupeName:
			to.name, err = c.freeName(to.at.last(), to.name, true)
		default:
			err = ErrExists.With("entry_name", old.name)
		}
		if err != nil {
			return Entry{}, err
		}
	}
	at, err := c.folders(to.at, slices.Concat(to.missing, []string{to.name}))
	if err != nil {
		return Entry{}, err
	}
	return at.entry(), nil
}
