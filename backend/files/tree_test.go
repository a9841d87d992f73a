package files_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/content"
	"pc2/backend/event"
	"pc2/backend/fault"
	"pc2/backend/files"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a tree on a real database and a real content store.
type world struct {
	*files.Tree
	t        testing.TB
	dir      string
	db       *store.DB
	objects  *content.Store
	bus      *event.Bus
	events   *event.Sub[files.Changed]
	capacity int64
	mu       sync.Mutex
	clock    time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "pc2.db")})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := content.Open(content.Config{Dir: dir, DB: db})
	if err != nil {
		t.Fatal(err)
	}
	if err := objects.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := objects.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, dir: filepath.Join(dir, "objects"), db: db, objects: objects, bus: event.New(), capacity: files.Unlimited, clock: time.Unix(1_700_000_000, 0)}
	w.events = event.Subscribe[files.Changed](w.bus, 1024)
	w.Tree = files.New(files.Config{
		DB: db, Content: objects, Keyring: content.NewKeyring(sha256.Sum256([]byte("test"))), Bus: w.bus,
		Capacity: func() int64 { return w.capacity }, Now: w.now,
	})
	t.Cleanup(func() {
		stop()
		run.Wait()
		w.events.Close()
		if err := errors.Join(objects.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// user makes a user with a home; n tells users apart.
func (w *world) user(n byte) files.Actor {
	w.t.Helper()
	a := wallet.Address{0xab, 19: n}
	err := w.db.Write(w.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO users (wallet_address, uuid, created_at) VALUES (?, ?, 0)", a, fmt.Sprint("user ", n))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.EnsureHome(w.t.Context(), a); err != nil {
		w.t.Fatal(err)
	}
	return files.Actor{Wallet: a}
}

// at selects by uid, or by a path that may be relative to the home.
func at(t testing.TB, a files.Actor, path string) files.Selector {
	t.Helper()
	if len(path) != len(files.RootUID) && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "~") {
		path = "~/" + path
	}
	s, err := files.ParseSelector(a.Wallet, path)
	if err != nil {
		t.Fatalf("%q: %v", path, err)
	}
	return s
}

func (w *world) put(a files.Actor, path, body string) files.WriteResult {
	w.t.Helper()
	r, err := w.Write(w.t.Context(), a, files.WriteRequest{To: at(w.t, a, path), Overwrite: true, CreateParents: true}, strings.NewReader(body))
	if err != nil {
		w.t.Fatalf("write %s: %v", path, err)
	}
	return r
}

func (w *world) mkdir(a files.Actor, path string) files.Entry {
	w.t.Helper()
	e, err := w.Mkdir(w.t.Context(), a, files.MkdirRequest{To: at(w.t, a, path), CreateParents: true})
	if err != nil {
		w.t.Fatalf("mkdir %s: %v", path, err)
	}
	return e
}

func (w *world) stat(a files.Actor, path string) files.Entry {
	w.t.Helper()
	e, err := w.Stat(w.t.Context(), a, at(w.t, a, path), files.StatOptions{})
	if err != nil {
		w.t.Fatalf("stat %s: %v", path, err)
	}
	return e
}

func (w *world) get(a files.Actor, path string) string {
	w.t.Helper()
	f, err := w.Open(w.t.Context(), a, at(w.t, a, path))
	if err != nil {
		w.t.Fatalf("open %s: %v", path, err)
	}
	defer f.Close()
	var b bytes.Buffer
	if err := f.WriteRange(w.t.Context(), &b, 0, f.Size()); err != nil {
		w.t.Fatalf("read %s: %v", path, err)
	}
	return b.String()
}

// names are those of a folder's entries, joined by a space.
func (w *world) names(a files.Actor, path string) string {
	w.t.Helper()
	p, err := w.List(w.t.Context(), a, at(w.t, a, path), files.ListOptions{})
	if err != nil {
		w.t.Fatalf("list %s: %v", path, err)
	}
	return join(p.Items)
}

func join(items []files.Entry) string {
	var s []string
	for _, e := range items {
		s = append(s, e.Name)
	}
	return strings.Join(s, " ")
}

// told are the events since the last call, as "op path" or "op old > path".
func (w *world) told() []string {
	w.t.Helper()
	var s []string
	for {
		select {
		case c := <-w.events.C():
			line := string(c.Op) + " " + strings.TrimPrefix(c.Entry.Path.String(), "/"+c.Owner.String())
			if c.OldPath != (files.Path{}) {
				line = string(c.Op) + " " + strings.TrimPrefix(c.OldPath.String(), "/"+c.Owner.String()) + " > " + strings.TrimPrefix(c.Entry.Path.String(), "/"+c.Owner.String())
			}
			if c.DescendantsOnly {
				line += " (children)"
			}
			s = append(s, line)
		default:
			return s
		}
	}
}

func (w *world) wantTold(want ...string) {
	w.t.Helper()
	if got := w.told(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("told %q, want %q", got, want)
	}
}

// wantCode checks the code of an error; "" wants none.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Errorf("got %v, want no error", err)
	case code != "" && (err == nil || fault.CodeOf(err) != code):
		t.Errorf("got %v, want %s", err, code)
	}
}

// sound checks what has to hold at every moment between two operations.
func (w *world) sound() {
	w.t.Helper()
	for what, query := range map[string]string{
		"used_bytes is not the sum of sizes":  "SELECT count(*) FROM users u WHERE used_bytes <> (SELECT coalesce(sum(size), 0) FROM entries e WHERE e.wallet_address = u.wallet_address)",
		"refs is not the number of rows":      "SELECT count(*) FROM object o WHERE refs <> (SELECT count(*) FROM entries e WHERE e.object = o.id)",
		"objects nobody refers to":            "SELECT count(*) FROM object o WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.object = o.id)",
		"inline content without its object":   "SELECT count(*) FROM inline i WHERE NOT EXISTS (SELECT 1 FROM object o WHERE o.id = i.id)",
		"sizes that differ from the object's": "SELECT count(*) FROM entries e JOIN object o ON o.id = e.object WHERE o.size <> e.size",
		"roots that differ":                   "SELECT count(*) FROM entries e JOIN object o ON o.id = e.object WHERE o.root <> e.root",
		"files without content":               "SELECT count(*) FROM entries WHERE NOT is_dir AND object IS NULL",
		"children of files":                   "SELECT count(*) FROM entries e JOIN entries p ON p.id = e.parent_id WHERE NOT p.is_dir",
		"entries in another's folder":         "SELECT count(*) FROM entries e JOIN entries p ON p.id = e.parent_id WHERE p.wallet_address <> e.wallet_address",
		"entries that no home leads to":       "WITH RECURSIVE s (id) AS (SELECT id FROM entries WHERE parent_id IS NULL UNION ALL SELECT e.id FROM s JOIN entries e ON e.parent_id = s.id) SELECT (SELECT count(*) FROM entries) - (SELECT count(*) FROM s)",
	} {
		var n int
		if err := w.db.Read(w.t.Context()).QueryRow(query).Scan(&n); err != nil {
			w.t.Fatal(what, err)
		}
		if n != 0 {
			w.t.Errorf("%d %s", n, what)
		}
	}
}

func TestHome(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	if err := w.EnsureHome(t.Context(), a.Wallet); err != nil {
		t.Fatal(err)
	}
	if got := w.names(a, "~"); got != "AppData Desktop Documents Pictures Public Trash Videos" {
		t.Fatal(got)
	}
	home := w.stat(a, "~")
	if home.ParentUID != "" || !home.IsDir || !home.Immutable || home.Empty || home.Path.String() != "/"+a.Wallet.String() || home.Name != a.Wallet.String() {
		t.Fatalf("%+v", home)
	}
	docs := w.stat(a, "Documents")
	if docs.ParentUID != home.UID || !docs.Immutable || !docs.Empty || docs.Public || len(docs.UID) != 36 || docs.UID[14] != '4' {
		t.Fatalf("%+v", docs)
	}
	if !w.stat(a, "Public").Public || w.stat(a, docs.UID).Path != docs.Path {
		t.Fatal("public, uid")
	}
	if err := w.EnsureHome(t.Context(), wallet.Address{9}); err == nil {
		t.Fatal("a home for nobody")
	}
	wantCode(t, func() error {
		_, err := w.Stat(t.Context(), a, at(t, a, "/"+wallet.Address{9}.String()), files.StatOptions{})
		return err
	}(), "subject_does_not_exist")
}

func TestRoot(t *testing.T) {
	w := newWorld(t)
	a, b := w.user(1), w.user(2)
	admin := files.Actor{Wallet: a.Wallet, Admin: true}
	root := w.stat(a, "/")
	if root.UID != files.RootUID || !root.IsDir || root.Path.String() != "/" {
		t.Fatalf("%+v", root)
	}
	if w.stat(a, files.RootUID).Path != root.Path {
		t.Fatal("the root by uid")
	}
	if got := w.names(a, "/"); got != a.Wallet.String() {
		t.Fatal(got)
	}
	if got := w.names(admin, "/"); got != a.Wallet.String()+" "+b.Wallet.String() {
		t.Fatal(got)
	}
	p, err := w.List(t.Context(), admin, at(t, a, "/"), files.ListOptions{Limit: 1, Total: true})
	if err != nil || p.Total != 2 || p.Next == "" || p.Items[0].Owner != a.Wallet || p.Items[0].ParentUID != "" {
		t.Fatal(p, err)
	}
}

func TestWriteAndRead(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.told()
	big := strings.Repeat("0123456789abcdef", 20_000)
	for name, body := range map[string]string{"empty": "", "small.txt": "hello", "big.bin": big} {
		e := w.put(a, "Documents/"+name, body)
		if got := w.get(a, "Documents/"+name); got != body {
			t.Fatalf("%s: %d bytes came back", name, len(got))
		}
		if e.Size != int64(len(body)) || e.IsDir || e.Root == "" || e.Updated || e.Rev != 1 || e.Created != w.clock.Unix() {
			t.Fatalf("%+v", e)
		}
	}
	w.told()
	before := w.stat(a, "Documents/small.txt")
	if before.MIME != "text/plain" {
		t.Fatal(before.MIME)
	}
	w.sleep(time.Minute)
	folder := w.stat(a, "Documents").Modified
	after := w.put(a, "Documents/small.txt", "hello again")
	w.wantTold("updated /Documents/small.txt")
	if after.UID != before.UID || after.ID != before.ID || after.Created != before.Created || after.Modified != before.Modified+60 || after.Root == before.Root || !after.Updated || after.Rev != 2 {
		t.Fatalf("%+v\n%+v", before, after)
	}
	if w.stat(a, "Documents").Modified != folder {
		t.Fatal("writing to a file changed its folder")
	}
	w.put(a, "Documents/new/deep/file.txt", "x")
	w.wantTold("added /Documents/new", "added /Documents/new/deep", "added /Documents/new/deep/file.txt")
	if w.stat(a, "Documents").Modified != folder+60 {
		t.Fatal("a new child did not change its folder")
	}
	w.sound()
}

func TestWriteIsRefused(t *testing.T) {
	w := newWorld(t)
	a, b := w.user(1), w.user(2)
	f := w.put(a, "Documents/file.txt", "content")
	w.mkdir(a, "Documents/folder")
	w.put(b, "secret.txt", "b's")
	w.told()
	other := "/" + b.Wallet.String()
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		req  files.WriteRequest
		code string
	}{
		"exists":              {files.WriteRequest{To: at(t, a, "Documents/file.txt")}, "item_with_same_name_exists"},
		"over a folder":       {files.WriteRequest{To: at(t, a, "Documents/folder"), Overwrite: true}, "cannot_overwrite_a_directory"},
		"over the home":       {files.WriteRequest{To: at(t, a, "~"), Overwrite: true, DedupeName: true}, "cannot_overwrite_a_directory"},
		"root":                {files.WriteRequest{To: at(t, a, "/")}, "cannot_write_to_root"},
		"in the root":         {files.WriteRequest{To: at(t, a, "/x.txt"), CreateParents: true}, "cannot_write_to_root"},
		"in the root by name": {files.WriteRequest{To: at(t, a, "/"), Name: "x.txt"}, "cannot_write_to_root"},
		"no home":             {files.WriteRequest{To: at(t, a, "/x/y"), CreateParents: true}, "dest_does_not_exist"},
		"another's home":      {files.WriteRequest{To: at(t, a, other), Overwrite: true}, "cannot_write_to_root"},
		"another's file":      {files.WriteRequest{To: at(t, a, other+"/secret.txt"), Overwrite: true, CreateParents: true}, "dest_does_not_exist"},
		"no parent":           {files.WriteRequest{To: at(t, a, "Documents/no/file.txt")}, "dest_does_not_exist"},
		"parent is a file":    {files.WriteRequest{To: at(t, a, "Documents/file.txt/x"), CreateParents: true}, "dest_is_not_a_directory"},
		"unknown uid":         {files.WriteRequest{To: files.ByUID("b0d6a4d4-7a44-4c9e-9c1b-9f6a5a1f0a11")}, "dest_does_not_exist"},
		"bad name":            {files.WriteRequest{To: at(t, a, "Documents"), Name: "a/b"}, "field_invalid"},
		"wrong etag":          {files.WriteRequest{To: at(t, a, "Documents/file.txt"), Overwrite: true, ExpectETag: "bafy"}, "version_conflict"},
		"etag of what is not": {files.WriteRequest{To: at(t, a, "Documents/none.txt"), Overwrite: true, ExpectETag: "*"}, "version_conflict"},
		"metadata not JSON":   {files.WriteRequest{To: at(t, a, "Documents/m"), Metadata: text("{")}, "field_invalid"},
		"metadata no object":  {files.WriteRequest{To: at(t, a, "Documents/m"), Metadata: text("null")}, "field_invalid"},
		"metadata too long":   {files.WriteRequest{To: at(t, a, "Documents/m"), Metadata: text(`{"a":"` + strings.Repeat("x", 64<<10) + `"}`)}, "field_invalid"},
		"media type":          {files.WriteRequest{To: at(t, a, "Documents/m"), MIME: "not a type"}, "field_invalid"},
		"nothing":             {files.WriteRequest{}, "field_missing"},
		"digest does not match": {files.WriteRequest{To: at(t, a, "Documents/d"), Digest: true, Verify: func(n int64, sum []byte) error {
			return fault.New(fault.Invalid, "digest_mismatch", fmt.Sprint(n, len(sum)))
		}}, "digest_mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			// Only Verify needs the content; nothing else may have read it.
			body := &counting{r: strings.NewReader("new")}
			_, err := w.Write(t.Context(), a, c.req, body)
			wantCode(t, err, c.code)
			if body.n > 0 && c.req.Verify == nil {
				t.Error("the content was read in vain")
			}
		})
	}
	if w.get(a, "Documents/file.txt") != "content" || w.get(b, "secret.txt") != "b's" {
		t.Fatal("something was overwritten")
	}
	if _, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, f.UID), Overwrite: true, ExpectETag: `"x", "` + f.Root + `"`}, strings.NewReader("by uid")); err != nil {
		t.Fatal(err)
	}
	if w.get(a, f.UID) != "by uid" {
		t.Fatal("not written by uid")
	}
	if _, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/cut.bin")}, io.MultiReader(strings.NewReader(strings.Repeat("x", 200_000)), broken{})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	w.wantTold("updated /Documents/file.txt")
	w.sound()
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// countObjects is how many object files are on the disk.
func (w *world) countObjects() (n int) {
	w.t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // just filed away
			return nil
		}
		if err == nil && !d.IsDir() && len(d.Name()) == 16 {
			n++
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
