package files

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// TouchRequest says what Touch does. Without any of the three, it sets modified
// and accessed.
type TouchRequest struct {
	To                                   Selector
	SetModified, SetAccessed, SetCreated bool
	CreateParents                        bool
	Origin                               string
}

// Touch sets times of an entry to now; a file that does not exist is made, empty.
func (t *Tree) Touch(ctx context.Context, a Actor, req TouchRequest) (Entry, error) {
	if !req.SetModified && !req.SetAccessed && !req.SetCreated {
		req.SetModified, req.SetAccessed = true, true
	}
	for range 3 { // it may come and go between the two
		e, err := t.setTimes(ctx, a, req)
		if !errors.Is(err, ErrNotFound) {
			return e, err
		}
		if req.To.uid != "" && len(req.To.below) == 0 {
			return Entry{}, ErrNotFound // a uid is not made to order
		}
		w, err := t.Write(ctx, a, WriteRequest{To: req.To, CreateParents: req.CreateParents, Origin: req.Origin}, strings.NewReader(""))
		if !errors.Is(err, ErrExists) {
			return w.Entry, err
		}
	}
	return Entry{}, ErrNotFound
}

func (t *Tree) setTimes(ctx context.Context, a Actor, req TouchRequest) (e Entry, err error) {
	err = t.write(ctx, req.Origin, func(c *change) error {
		p, err := resolve(c.tx, a, req.To)
		switch {
		case err != nil:
			return err
		case p.root:
			return ErrRoot
		case !p.exists():
			return ErrNotFound
		}
		r := p.found.last()
		if req.SetModified {
			r.modified = c.sec
		}
		if req.SetAccessed {
			r.accessed = c.sec
		}
		if req.SetCreated {
			r.created = c.sec
		}
		r.rev++
		if _, err := c.tx.Exec("UPDATE entries SET created = ?, modified = ?, accessed = ?, rev = ? WHERE id = ?",
			r.created, r.modified, r.accessed, r.rev, r.id); err != nil {
			return fmt.Errorf("set times: %w", err)
		}
		e = c.tell(Updated, p.found)
		return nil
	})
	return e, err
}
