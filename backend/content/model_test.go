package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"pc2/backend/store"
)

// model is what a store must hold: notes by name. One goroutine at a time uses it.
type model struct {
	prefix string // of the names, so that several models can share a store
	now    map[string]version
	maybe  map[string][]version // what it may also be: an operation whose outcome nobody heard
	next   uint64
	done   int // changes acknowledged
}

// version is what a note says; the zero version is no note.
type version struct {
	seed uint64
	size int64
}

func newModel(prefix string) *model {
	return &model{prefix: prefix, now: map[string]version{}, maybe: map[string][]version{}}
}

// act does something random and keeps the model in step with the answers. It
// fails only for what no disk error excuses.
func (m *model) act(ctx context.Context, s *Store, r *rand.Rand) error {
	name := fmt.Sprint(m.prefix, r.IntN(6))
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		return m.write(ctx, s, name, pick(r))
	case 4:
		return m.remove(s, name)
	case 5:
		return m.copy(s, name, fmt.Sprint(m.prefix, r.IntN(6)))
	case 6: // a body that is cut off, or not wanted in the end
		d, err := s.Stage(ctx, bytes.NewReader(plain(1, pick(r))), Options{})
		if err == nil {
			s.Discard(d)
		}
	case 7:
		if _, err := s.Stage(ctx, cut{bytes.NewReader(plain(1, pick(r)))}, Options{}); err == nil {
			return errors.New("a body that was cut off is staged")
		}
	case 8:
		return m.check(s, name, true)
	case 9:
		settle(s)
	}
	return nil
}

func pick(r *rand.Rand) int64 {
	all := []int64{0, 100, segPlain, segPlain + 1, 2*segPlain + 1, 3*segPlain - 7, 17*segPlain + 3}
	return all[min(r.IntN(len(all)), r.IntN(len(all)))] // few large ones
}

// outcome books a change: done, not done, or one of both.
func (m *model) outcome(name string, v version, err error) {
	switch {
	case err == nil:
		m.now[name], m.maybe[name] = v, nil
		m.done++
	case store.IsUnknown(err) || errors.Is(err, errPower):
		m.maybe[name] = append(m.maybe[name], v)
	}
}

func (m *model) write(ctx context.Context, s *Store, name string, size int64) error {
	m.next++
	v := version{m.next, size}
	d, err := s.Stage(ctx, bytes.NewReader(plain(v.seed, size)), Options{Size: size})
	if err != nil {
		return nil
	}
	defer s.Discard(d)
	err = s.Commit(ctx, d, func(tx *store.Tx) error {
		if err := s.Release(tx, "DELETE FROM note WHERE name = ? RETURNING object, 1", name); err != nil {
			return err
		}
		return note(name, d)(tx)
	})
	m.outcome(name, v, err)
	return nil
}

func (m *model) remove(s *Store, name string) error {
	err := s.write(context.Background(), func(tx *store.Tx) error {
		return s.Release(tx, "DELETE FROM note WHERE name = ? RETURNING object, 1", name)
	})
	m.outcome(name, version{}, err)
	return nil
}

// copy needs to know what it copies, so it leaves uncertain notes alone.
func (m *model) copy(s *Store, from, to string) error {
	if from == to || m.now[from] == (version{}) || m.maybe[from] != nil {
		return nil
	}
	err := s.write(context.Background(), func(tx *store.Tx) error {
		if err := s.Release(tx, "DELETE FROM note WHERE name = ? RETURNING object, 1", to); err != nil {
			return err
		}
		return s.Retain(tx, "INSERT INTO note SELECT ?, object, key, size FROM note WHERE name = ? RETURNING object, 1", to, from)
	})
	m.outcome(to, m.now[from], err)
	return nil
}

// check reads a note. With faults, the disk may refuse, but not lie.
func (m *model) check(s *Store, name string, faults bool) error {
	var d Draft
	var key []byte
	err := s.db.Read(context.Background()).QueryRow("SELECT coalesce(max(object), 0), coalesce(max(key), x''), coalesce(max(size), -1) FROM note WHERE name = ?", name).Scan(&d.ID, &key, &d.Size)
	if err != nil {
		return err
	}
	allowed := append([]version{m.now[name]}, m.maybe[name]...)
	if d.Size < 0 {
		for _, v := range allowed {
			if v == (version{}) {
				return nil
			}
		}
		return fmt.Errorf("%s is lost, want one of %v", name, allowed)
	}
	copy(d.Key[:], key)
	r, err := s.Open(context.Background(), d.Ref())
	if err != nil {
		if faults && !errors.Is(err, ErrGone) && !errors.Is(err, ErrCorrupt) {
			return nil
		}
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer r.Close()
	var got bytes.Buffer
	if err := r.WriteRange(context.Background(), &got, 0, r.Size()); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	for _, v := range allowed {
		if v != (version{}) && v.size == d.Size && bytes.Equal(got.Bytes(), plain(v.seed, v.size)) {
			return nil
		}
	}
	return fmt.Errorf("%s has wrong bytes, want one of %v", name, allowed)
}

// settleOn reads what the uncertain notes have become: from now on that is certain.
func (m *model) settleOn(s *Store) error {
	for name, maybe := range m.maybe {
		if err := m.check(s, name, false); err != nil {
			return err
		}
		var size int64
		if err := s.db.Read(context.Background()).QueryRow("SELECT coalesce(max(size), -1) FROM note WHERE name = ?", name).Scan(&size); err != nil {
			return err
		}
		all := append(maybe, m.now[name])
		m.maybe[name] = nil
		for _, v := range all { // tried one by one: which is it?
			if size < 0 && v != (version{}) {
				continue
			}
			m.now[name] = v
			if m.check(s, name, false) == nil {
				break
			}
		}
	}
	return m.checkAll(s)
}

func (m *model) checkAll(s *Store) error {
	for name := range m.now {
		if err := m.check(s, name, false); err != nil {
			return err
		}
	}
	return nil
}

// fsck compares rows and files both ways, after Recover and before any upload.
func fsck(s *Store) error {
	ctx := context.Background()
	type row struct {
		size, refs, notes int64
		root              []byte
		inline            bool
	}
	rows, err := s.db.Read(ctx).Query(`SELECT id, size, refs, root, EXISTS (SELECT 1 FROM inline WHERE inline.id = object.id),
		(SELECT count(*) FROM note WHERE object = object.id) FROM object`)
	if err != nil {
		return err
	}
	defer rows.Close()
	objects := map[ID]row{}
	for rows.Next() {
		var id ID
		var o row
		if err := rows.Scan(&id, &o.size, &o.refs, &o.root, &o.inline, &o.notes); err != nil {
			return err
		}
		objects[id] = o
		if o.refs != o.notes || o.refs == 0 || o.inline != (o.size <= segPlain) {
			return fmt.Errorf("object %s: %+v", id, o)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var left int
	if err := s.db.Read(ctx).QueryRow("SELECT count(*) FROM trash").Scan(&left); err != nil || left > 0 {
		return fmt.Errorf("%d in the trash (%v)", left, err)
	}
	if err := s.disk.List(incoming, func(n string) error { return fmt.Errorf("%s is in incoming", n) }); err != nil {
		return err
	}
	for i := range 256 {
		dir := fmt.Sprintf("%02x", i)
		err := s.disk.List(dir, func(name string) error {
			id, err := ParseID(name)
			o, ok := objects[id]
			if err != nil || !ok || o.inline || folder(id) != dir {
				return fmt.Errorf("file %s/%s has no row (%v)", dir, name, err)
			}
			f, err := s.disk.Open(pathFiled(id))
			if err != nil {
				return err
			}
			defer f.Close()
			n, err := f.Length()
			if err != nil {
				return err
			}
			info, err := Inspect(f, n)
			if err != nil || info.Size != o.size || !bytes.Equal(info.Root.Bytes(), o.root) {
				return fmt.Errorf("object %s: %v, %w", id, info, err)
			}
			delete(objects, id)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for id, o := range objects {
		if !o.inline {
			return fmt.Errorf("object %s has no file", id)
		}
	}
	return nil
}

// openTestDB opens a database with a table that refers to objects.
func openTestDB(t testing.TB, dir string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), store.Config{Path: filepath.Join(dir, "pc2.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	err = db.Write(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec("CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, object INTEGER NOT NULL REFERENCES object (id), key BLOB NOT NULL, size INTEGER NOT NULL)")
		if err != nil {
			return err
		}
		_, err = tx.Exec("CREATE INDEX IF NOT EXISTS note_object ON note (object)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}
