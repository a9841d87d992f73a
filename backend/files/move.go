package files

import (
	"context"
	"encoding/json"
	"fmt"
)

// MoveRequest says what Move does.
type MoveRequest struct {
	From          Selector
	To            Selector // the folder to move into; when it does not exist and NewName is "", the whole new path
	NewName       string   // "": the name stays
	Overwrite     bool     // a file or an empty folder of that name is replaced
	DedupeName    bool     // else a free name is found
	CreateParents bool
	Metadata      *string // a JSON object: the entry's metadata from now on
	Origin        string
}

// MoveResult is an entry after a Move or Rename.
type MoveResult struct {
	Entry
	OldPath     Path
	Overwritten *Entry // what was replaced, as it was
}

// Move gives an entry another folder, another name or both. A folder is moved
// with everything in it by changing its one row, except between two owners: then
// all keys below are wrapped anew.
//
// What comes into a Trash gets original_name, original_path and trashed_ts in
// its metadata, unless req.Metadata says something; what leaves it loses them.
func (t *Tree) Move(ctx context.Context, a Actor, req MoveRequest) (m MoveResult, err error) {
	if err := checkMetadata(req.Metadata); err != nil {
		return MoveResult{}, err
	}
	if req.NewName != "" {
		if err := CheckName(req.NewName); err != nil {
			return MoveResult{}, err
		}
	}
	err = t.write(ctx, req.Origin, func(c *change) error {
		from, err := find(c.tx, a, req.From)
		if err != nil {
			return err
		}
		if from.last().immutable {
			return ErrImmutable
		}
		p, err := resolve(c.tx, a, req.To)
		if err != nil {
			return err
		}
		to, err := p.into(c.tx, req.NewName, from.last().name, req.CreateParents, true)
		if err != nil {
			return err
		}
		m, err = c.move(from, to, req, Moved)
		return err
	})
	return m, err
}

// RenameRequest says what Rename does.
type RenameRequest struct {
	Entry   Selector
	NewName string
	Origin  string
}

// Rename gives an entry another name in its folder. The name that it has is no
// change, and no error.
func (t *Tree) Rename(ctx context.Context, a Actor, req RenameRequest) (m MoveResult, err error) {
	if err := CheckName(req.NewName); err != nil {
		return MoveResult{}, err
	}
	err = t.write(ctx, req.Origin, func(c *change) error {
		from, err := find(c.tx, a, req.Entry)
		if err != nil {
			return err
		}
		r := from.last()
		if r.immutable {
			return ErrImmutable
		}
		if r.name == req.NewName {
			m = MoveResult{Entry: from.entry(), OldPath: from.path()}
			return nil
		}
		to := target{at: from.folder(), name: req.NewName}
		old, err := child(c.tx, to.at.last(), req.NewName)
		if err != nil {
			return err
		}
		if old != nil {
			to.old = to.at.with(*old)
		}
		m, err = c.move(from, to, MoveRequest{}, Renamed)
		return err
	})
	return m, err
}

func (c *change) move(from chain, to target, req MoveRequest, op Op) (MoveResult, error) {
	r := *from.last()
	if to.at.has(r.id) {
		return MoveResult{}, ErrMoveIntoSelf
	}
	if to.old != nil && to.old.last().id == r.id {
		if r.name == to.name {
			return MoveResult{}, ErrSamePlace
		}
		to.old = nil // another spelling of the same name
	}
	m := MoveResult{OldPath: from.path()}
	var err error
	if m.Overwritten, err = c.clear(&to, r.isDir, req.Overwrite, req.DedupeName); err != nil {
		return MoveResult{}, err
	}
	if to.at, err = c.folders(to.at, to.missing); err != nil {
		return MoveResult{}, err
	}
	old := r.name
	r.name = to.name
	r.retype(old)
	at := to.at.with(r)
	if err := c.checkFits(from, at); err != nil {
		return MoveResult{}, err
	}
	n := at.last()
	n.rev++
	if n.metadata, err = c.trashMetadata(from, at, req.Metadata); err != nil {
		return MoveResult{}, err
	}
	if _, err := c.tx.Exec("UPDATE entries SET parent_id = ?, name = ?, name_key = ?, mime_type = ?, metadata = ?, rev = ? WHERE id = ?",
		to.at.last().id, n.name, nameKey(n.name), n.mime, n.metadata, n.rev, n.id); err != nil {
		return MoveResult{}, fmt.Errorf("move entry: %w", err)
	}
	if err := c.childrenChanged(from.folder()); err != nil {
		return MoveResult{}, err
	}
	if err := c.childrenChanged(to.at); err != nil {
		return MoveResult{}, err
	}
	if at.owner() != from.owner() {
		n.owner = at.owner()
		m.Entry, err = c.handOver(from, at)
		return m, err
	}
	m.Entry = c.tell(op, at)
	c.events[len(c.events)-1].OldPath = m.OldPath
	return m, nil
}

// checkFits says whether what is at from can be at to, with everything in it.
func (c *change) checkFits(from, to chain) error {
	if err := checkPlace(to); err != nil {
		return err
	}
	depth, length := len(to)-1, len(to.path().s)
	if !from.last().isDir || depth <= len(from)-1 && length <= len(from.path().s) {
		return nil
	}
	// First by the folders alone, of which there are fewer: nothing in them can go
	// beyond the longest name there may be.
	deep, long, err := c.extent(foldersBelow, from.last().id)
	if err != nil {
		return err
	}
	if depth+deep+1 <= maxDepth && length+long+1+maxNameBytes <= maxPath {
		return nil
	}
	if deep, long, err = c.extent(allBelow, from.last().id); err != nil {
		return err
	}
	switch {
	case depth+deep > maxDepth:
		return errDeep
	case length+long > maxPath:
		return errPathLong
	}
	return nil
}

// extent is how many names and bytes of path there are at most below a folder.
func (c *change) extent(query string, id int64) (depth, length int, err error) {
	if err := c.tx.QueryRow(query, id).Scan(&depth, &length); err != nil {
		return 0, 0, fmt.Errorf("measure folder: %w", err)
	}
	return depth, length, nil
}

const (
	belowHead = `WITH RECURSIVE sub (id, depth, length) AS (
			SELECT ?1, 0, 0
			UNION ALL
			SELECT e.id, sub.depth + 1, sub.length + 1 + octet_length(e.name) FROM sub CROSS JOIN entries e ON e.parent_id = sub.id`
	belowTail = `
		) SELECT max(depth), max(length) FROM sub`
	allBelow     = belowHead + belowTail
	foldersBelow = belowHead + ` AND e.is_dir = 1` + belowTail
)

// trashMetadata is the metadata of an entry that has been moved.
func (c *change) trashMetadata(from, to chain, given *string) (*string, error) {
	wasTrash, isTrash := from.in(trashName), to.in(trashName)
	have := to.last().metadata
	if given != nil {
		return given, nil
	}
	if wasTrash == isTrash {
		return have, nil
	}
	keys := map[string]any{}
	if have != nil {
		var raw map[string]json.RawMessage // as it is: numbers keep their digits
		if err := json.Unmarshal([]byte(*have), &raw); err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
		for k, v := range raw {
			keys[k] = v
		}
	}
	if isTrash {
		keys["original_name"], keys["original_path"], keys["trashed_ts"] = from.last().name, from.path().String(), c.sec
	} else {
		delete(keys, "original_name")
		delete(keys, "original_path")
		delete(keys, "trashed_ts")
		if len(keys) == 0 {
			return nil, nil
		}
	}
	b, err := json.Marshal(keys)
	s := string(b)
	return &s, err
}
