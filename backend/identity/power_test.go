package identity

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// drive is a model of a disk that loses power. It follows the steps of a disk and
// knows, before each of them, what would be left: of a file, the bytes of its
// last sync; of the folder, the names of its last sync, or any later ones, since
// a file system may write names on its own before the bytes they lead to.
type drive struct {
	t       *testing.T
	dir     string
	now     map[string]*inode // names as the program sees them
	durable map[string]*inode // names at the last sync of the folder
	pending func()            // what the step announced last does
	steps   []string
	left    []leftover
	cfg     Config // Dir and RestorePhrase are set by run
}

type inode struct{ synced []byte }

// leftover is a directory after the loss of power.
type leftover struct {
	at    string
	files map[string][]byte
}

func newDrive(t *testing.T, dir string) *drive {
	d := &drive{t: t, dir: dir, now: map[string]*inode{}, pending: func() {}}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		d.now[e.Name()] = &inode{read(t, filepath.Join(dir, e.Name()))}
	}
	d.durable = maps.Clone(d.now)
	return d
}

func (d *drive) step(op, name string) {
	d.pending()
	if op == "mkdir" || op == "sync parents" {
		name = "."
	}
	d.steps = append(d.steps, op+" "+name)
	d.cut(op + " " + name)
	d.pending = func() {}
	switch {
	case op == "create":
		d.now[name] = &inode{}
	case op == "sync" && name == ".":
		d.pending = func() { d.durable = maps.Clone(d.now) }
	case op == "sync":
		data := read(d.t, filepath.Join(d.dir, name))
		d.pending = func() { d.now[name].synced = data }
	case op == "rename":
		d.pending = func() { d.now[name] = d.now[name+scratch]; delete(d.now, name+scratch) }
	case op == "remove":
		d.pending = func() { delete(d.now, name) }
	}
}

// cut records what each kind of power loss at this moment would leave.
func (d *drive) cut(at string) {
	for kind, names := range map[string]map[string]*inode{"names as synced": d.durable, "names ahead": d.now} {
		files := map[string][]byte{}
		for name, i := range names {
			files[name] = i.synced
		}
		d.leave(leftover{"before " + at + ", " + kind, files})
	}
	// Some of the names that changed since the last sync, one by one.
	for name, i := range d.now {
		if d.durable[name] == i {
			continue
		}
		files := map[string][]byte{name: i.synced}
		for other, j := range d.durable {
			if other != name {
				files[other] = j.synced
			}
		}
		d.leave(leftover{"before " + at + ", only the name " + name, files})
	}
}

// leave records a directory, unless the same was left before; that of the end always.
func (d *drive) leave(l leftover) {
	equal := func(o leftover) bool { return maps.EqualFunc(o.files, l.files, bytes.Equal) }
	if l.at == atEnd || !slices.ContainsFunc(d.left, equal) {
		d.left = append(d.left, l)
	}
}

const atEnd = "before the end, names as synced"

// run opens the directory on the drive, and closes it.
func (d *drive) run(phrase Phrase) fact {
	d.t.Helper()
	d.cfg.Dir, d.cfg.RestorePhrase = d.dir, phrase
	id, db, err := open(context.Background(), d.cfg, d.step)
	if err != nil {
		d.t.Fatal(err)
	}
	d.pending()
	d.cut("the end")
	if err := db.Close(); err != nil {
		d.t.Fatal(err)
	}
	return factOf(d.t, id)
}

func TestPowerLossInFirstStart(t *testing.T) {
	t.Parallel()
	d := newDrive(t, filepath.Join(t.TempDir(), "data"))
	want := d.run(Phrase{})
	committed := 0
	for _, l := range d.left {
		dir := t.TempDir()
		lay(t, dir, l.files)
		got := factOf(t, once(t, dir, Phrase{}))
		if _, ok := l.files[formatFile]; ok {
			committed++
			if got != want {
				t.Errorf("%s: format.json was there, the identity changed", l.at)
			}
		}
		if l.at == atEnd && got != want {
			t.Error("Open had returned, but the identity was not durable")
		}
	}
	if committed < 2 || len(d.left) < 12 {
		t.Errorf("%d directories, %d with format.json: the model looks at too little", len(d.left), committed)
	}
}

func TestPowerLossInRestore(t *testing.T) {
	for name, lost := range map[string][]string{"local key": {keyFile}, "local key and identity.json": {keyFile, recordFile}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, mine, _ := copies(t)
			for _, f := range lost {
				remove(t, filepath.Join(dir, f))
			}
			d := newDrive(t, dir)
			want := d.run(mine.phrase)
			if want != factOf(t, mine.id) {
				t.Fatal("another identity")
			}
			for _, l := range d.left {
				dir := t.TempDir()
				lay(t, dir, l.files)
				if l.at == atEnd && factOf(t, once(t, dir, Phrase{})) != want {
					t.Error("Open had returned, but the restore was not durable")
				}
				if factOf(t, once(t, dir, mine.phrase)) != want {
					t.Errorf("%s: another identity", l.at)
				}
			}
			if len(d.left) < 8 {
				t.Errorf("%d directories: the model looks at too little", len(d.left))
			}
		})
	}
}

// The order of design: three files, each synced; the folder; format.json; the folder.
func TestOrderOfFirstStart(t *testing.T) {
	d := newDrive(t, filepath.Join(t.TempDir(), "data"))
	d.run(Phrase{})
	file := func(name string) []string {
		return []string{"create " + name + scratch, "write " + name + scratch, "sync " + name + scratch, "rename " + name}
	}
	want := slices.Concat([]string{"mkdir ."}, file(keyFile), file(recordFile),
		[]string{"create " + dbFile + scratch, "close " + dbFile + scratch, "sync " + dbFile + scratch, "rename " + dbFile, "sync .", "sync parents ."},
		file(formatFile), []string{"sync ."})
	if !slices.Equal(d.steps, want) {
		t.Errorf("steps\n%s\nwant\n%s", strings.Join(d.steps, "\n"), strings.Join(want, "\n"))
	}
}
