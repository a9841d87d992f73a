package files

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"pc2/backend/content"
	"pc2/backend/store"
)

// WriteRequest says what Write does.
type WriteRequest struct {
	To            Selector // the file; or a folder that exists, together with Name
	Name          string   // "": To is the file itself
	Overwrite     bool     // a file that is there gets the new content and stays itself: uid, created, name
	DedupeName    bool     // else the new file gets a free name: "x (1).txt"
	CreateParents bool     // folders that are missing on the way are made
	ExpectETag    string   // If-Match: the file is there and has (one of) these roots; "*": any
	MIME          string   // "": from the name
	Metadata      *string  // a JSON object; nil: none, or as before
	Size          int64    // announced, 0: unknown. Only to refuse early.
	Digest        bool     // hash the plain bytes into WriteResult.SHA256
	Origin        string

	// Verify, if set, sees what has arrived before anything becomes visible; its
	// error is Write's, and nothing has happened.
	Verify func(size int64, sha256 []byte) error
}

// WriteResult is the file after a Write.
type WriteResult struct {
	Entry
	SHA256  []byte // of the plain bytes, when Digest was asked for
	Updated bool   // the file was there before
}

// small content is held in memory and refused by the transaction alone: to look
// before it is read would be half of what writing it costs.
const small = 64_000

// Write stores what r yields and then, in one transaction, the file's row. A
// write that cannot succeed is refused before the content is read, as far as can
// be known; the transaction checks everything again.
func (t *Tree) Write(ctx context.Context, a Actor, req WriteRequest, r io.Reader) (w WriteResult, err error) {
	if err := checkMetadata(req.Metadata); err != nil {
		return WriteResult{}, err
	}
	capacity := t.capacity()
	body := &limited{r: r, room: func() (int64, error) { return req.plan(t.db.Read(ctx), a, capacity) }}
	if req.Size > 0 && req.Size <= small {
		body.left = small
	} else if err := body.ask(); err != nil {
		return WriteResult{}, err
	}
	draft, err := t.content.Stage(ctx, body, content.Options{Digest: req.Digest, Size: req.Size})
	if err != nil {
		return WriteResult{}, err
	}
	defer t.content.Discard(draft)
	if req.Verify != nil {
		if err := req.Verify(draft.Size, draft.SHA256); err != nil {
			return WriteResult{}, err
		}
	}
	write := func(c *change, guess bool) error {
		p, err := c.resolve(a, req.To, guess)
		if err != nil {
			return err
		}
		to, err := req.target(c.tx, p)
		if err != nil {
			return err
		}
		w, err = c.put(to, req, draft)
		return err
	}
	err = t.content.Commit(ctx, draft, t.changing(req.Origin, capacity, func(c *change) error {
		err := write(c, req.ExpectETag == "")
		if errors.Is(err, errTaken) {
			return write(c, false)
		}
		return err
	}))
	if err != nil {
		return WriteResult{}, err
	}
	w.SHA256 = draft.SHA256
	return w, nil
}

// plan looks whether the write can succeed, and how many bytes it may have.
func (req WriteRequest) plan(q store.Queryer, a Actor, capacity int64) (room int64, err error) {
	p, err := resolve(q, a, req.To)
	if err != nil {
		return 0, err
	}
	to, err := req.target(q, p)
	if err != nil {
		return 0, err
	}
	if _, err := checkMIME(req.MIME, to.name); err != nil {
		return 0, err
	}
	used, limit, err := usage(q, to.at.owner(), capacity)
	if err != nil {
		return 0, err
	}
	room = max(limit-used, 0)
	if to.old != nil {
		room += to.old.last().size
	}
	if req.Size > room {
		return 0, ErrQuota
	}
	return room, nil
}

// target finds where the file will be and checks all that can be checked; p is
// what req.To leads to.
func (req WriteRequest) target(q store.Queryer, p place) (_ target, err error) {
	if req.Name != "" && (p.root || p.exists() && p.found.last().isDir) {
		if p, err = p.inside(q, req.Name); err != nil {
			return target{}, err
		}
	}
	to, err := p.target(req.CreateParents)
	if err != nil {
		return target{}, err
	}
	if req.ExpectETag != "" && (to.old == nil || !matches(req.ExpectETag, to.old.last())) {
		return target{}, ErrStale
	}
	if to.old == nil {
		return to, nil
	}
	switch old := to.old.last(); {
	case req.Overwrite && !old.isDir:
		return to, nil
	case req.DedupeName && len(to.old) > 1:
		return target{at: to.at, name: to.name, dedupe: true}, nil
	case old.isDir && req.Overwrite:
		return target{}, ErrOverFolder.With("entry_name", old.name)
	default:
		return target{}, ErrExists.With("entry_name", old.name)
	}
}

// put gives the draft its row.
func (c *change) put(to target, req WriteRequest, draft *content.Draft) (WriteResult, error) {
	r := row{name: to.name, size: draft.Size, root: draft.Root.Bytes(), object: sql.Null[content.ID]{V: draft.ID, Valid: true}, metadata: req.Metadata}
	mime, err := checkMIME(req.MIME, to.name)
	if err != nil {
		return WriteResult{}, err
	}
	r.mime = sql.NullString{String: mime, Valid: true}
	if to.old != nil {
		return c.overwrite(to.old, r, draft.Key)
	}
	if r.key, err = c.t.keyring.Wrap(to.at.owner(), draft.ID, draft.Key); err != nil {
		return WriteResult{}, err
	}
	if to.at, err = c.folders(to.at, to.missing); err != nil {
		return WriteResult{}, err
	}
	if to.dedupe {
		if r.name, err = c.freeName(to.at.last(), to.name, false); err != nil {
			return WriteResult{}, err
		}
	}
	at, err := c.insert(to.at, r)
	if err != nil {
		return WriteResult{}, err
	}
	return WriteResult{Entry: at.entry()}, nil
}

// overwrite gives a file new content.
func (c *change) overwrite(at chain, r row, key content.Key) (WriteResult, error) {
	old := *at.last()
	wrapped, err := c.t.keyring.Wrap(old.owner, r.object.V, key)
	if err != nil {
		return WriteResult{}, err
	}
	n := at.last()
	n.size, n.mime, n.object, n.key, n.root = r.size, r.mime, r.object, wrapped, r.root
	n.modified, n.accessed = c.sec, c.sec
	n.rev++
	if r.metadata != nil {
		n.metadata = r.metadata
	}
	if _, err := c.tx.Exec(`UPDATE entries SET size = ?, mime_type = ?, object = ?, key = ?, root = ?, metadata = ?, modified = ?, accessed = ?, rev = ?, thumb_cid = NULL
		WHERE id = ?`, n.size, n.mime, n.object, n.key, n.root, n.metadata, n.modified, n.accessed, n.rev, n.id); err != nil {
		return WriteResult{}, err
	}
	if old.object.Valid {
		if err := c.t.content.Release(c.tx, "SELECT ?, 1", old.object.V); err != nil {
			return WriteResult{}, err
		}
	}
	c.used[n.owner] += n.size - old.size
	return WriteResult{Entry: c.tell(Updated, at), Updated: true}, nil
}

// matches says whether an If-Match value names the content of r.
func matches(ifMatch string, r *row) bool {
	if r.isDir {
		return false
	}
	root := cidString(r.root)
	for tag := range strings.SplitSeq(ifMatch, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.Trim(tag, `"`) == root {
			return true
		}
	}
	return false
}

const maxMetadata = 64 << 10

// checkMetadata allows a JSON object, so that the Trash can put its own keys beside what is there.
func checkMetadata(m *string) error {
	if m == nil {
		return nil
	}
	if len(*m) > maxMetadata {
		return invalid("metadata", "The metadata are longer than 64 KiB.")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(*m), &object); err != nil || object == nil {
		return invalid("metadata", "The metadata are not a JSON object.")
	}
	return nil
}

// limited fails a read that goes beyond what the owner may store: an upload
// without an announced size ends there, not after it has filled the disk.
type limited struct {
	r    io.Reader
	read int64
	left int64
	room func() (int64, error) // how much it may be in all; nil once asked
}

func (l *limited) ask() error {
	room, err := l.room()
	l.left, l.room = room-l.read, nil
	return err
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.read, l.left = l.read+int64(n), l.left-int64(n)
	if l.left < 0 && l.room != nil { // more than was announced
		if err := l.ask(); err != nil {
			return 0, err
		}
	}
	if l.left < 0 {
		return 0, ErrQuota
	}
	return n, err
}
