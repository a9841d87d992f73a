package files_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pc2/backend/files"
	"pc2/backend/store"
)

func TestMkdir(t *testing.T) {
	w := newWorld(t)
	a, b := w.user(1), w.user(2)
	w.put(a, "file", "x")
	w.told()
	mkdir := func(path string, o files.MkdirRequest) (files.Entry, error) {
		o.To = at(t, a, path)
		return w.Mkdir(t.Context(), a, o)
	}
	e, err := mkdir("~/new", files.MkdirRequest{})
	if err != nil || !e.IsDir || !e.Empty || e.Immutable || e.MIME != "" || e.Root != "" {
		t.Fatal(e, err)
	}
	w.wantTold("added /new")
	again, err := mkdir("/~/new/", files.MkdirRequest{Overwrite: true})
	if err != nil || again.UID != e.UID || again.Rev != e.Rev {
		t.Fatal(again, err)
	}
	w.wantTold()
	for range 2 {
		if _, err = mkdir("~/my.dir", files.MkdirRequest{DedupeName: true}); err != nil {
			t.Fatal(err)
		}
	}
	w.wantTold("added /my.dir", "added /my.dir (1)")
	if _, err = mkdir("~/a/b/c", files.MkdirRequest{CreateParents: true}); err != nil {
		t.Fatal(err)
	}
	w.wantTold("added /a", "added /a/b", "added /a/b/c")
	under, err := at(t, a, e.UID).Under("/p/q")
	if err != nil {
		t.Fatal(err)
	}
	if e, err = w.Mkdir(t.Context(), a, files.MkdirRequest{To: under, CreateParents: true}); err != nil || !strings.HasSuffix(e.Path.String(), "/new/p/q") {
		t.Fatal(e, err)
	}
	w.told()
	e, err = mkdir("~/file", files.MkdirRequest{Overwrite: true})
	if err != nil || !e.IsDir {
		t.Fatal(e, err)
	}
	w.wantTold("removed /file", "added /file")
	w.put(a, "file2", "x")
	w.told()
	for path, code := range map[string]string{
		"~/no/x": "dest_does_not_exist", "~/file2": "item_with_same_name_exists", "~/file2/x": "dest_is_not_a_directory",
		"/": "cannot_write_to_root", "/x": "cannot_write_to_root", "/x/y": "dest_does_not_exist",
		"/" + b.Wallet.String(): "cannot_write_to_root", "/" + b.Wallet.String() + "/x": "dest_does_not_exist",
		"~/" + strings.Repeat("a/", 127) + "a": "",
	} {
		_, err := mkdir(path, files.MkdirRequest{CreateParents: strings.Count(path, "/") > 100})
		wantCode(t, err, code)
	}
	// One deeper than 128, by way of a uid, where no path is checked.
	deepest := w.stat(a, "~/"+strings.Repeat("a/", 127)+"a")
	under, err = at(t, a, deepest.UID).Under("b")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Mkdir(t.Context(), a, files.MkdirRequest{To: under})
	wantCode(t, err, "field_invalid")
	_, err = w.Write(t.Context(), a, files.WriteRequest{To: under}, strings.NewReader(""))
	wantCode(t, err, "field_invalid")
	w.sound()
}

func TestDedupe(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	long := strings.Repeat("n", 250) + ".text"
	for _, c := range []struct{ name, want string }{
		{"x.txt", "x.txt"}, {"x.txt", "x (1).txt"}, {"x.txt", "x (2).txt"}, {"x (1).txt", "x (1) (1).txt"},
		{"noext", "noext"}, {"noext", "noext (1)"}, {".rc", ".rc"}, {".rc", ".rc (1)"}, {"a.tar.gz", "a.tar.gz"}, {"a.tar.gz", "a.tar (1).gz"},
		{"e\u0301.txt", "e\u0301.txt"}, {"\u00e9.txt", "\u00e9 (1).txt"}, // the same name in two spellings
		{long, long}, {long, strings.Repeat("n", 240) + " (1).text"},
	} {
		e, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents"), Name: c.name, DedupeName: true}, strings.NewReader(c.name))
		if err != nil || e.Name != c.want {
			t.Errorf("%q: got %q, want %q (%v)", c.name, e.Name, c.want, err)
		}
	}
	if err := remove(w, a, "Documents/x (1).txt"); err != nil {
		t.Fatal(err)
	}
	e, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/x.txt"), DedupeName: true}, strings.NewReader(""))
	if err != nil || e.Name != "x (1).txt" {
		t.Fatal(e.Name, err)
	}
	if w.get(a, "Documents/x.txt") != "x.txt" || w.get(a, "Documents/x (2).txt") != "x.txt" {
		t.Fatal("content")
	}
	w.sound()
}

func remove(w *world, a files.Actor, paths ...string) error {
	req := files.DeleteRequest{Recursive: true}
	for _, p := range paths {
		req.Entries = append(req.Entries, at(w.t, a, p))
	}
	_, err := w.Delete(w.t.Context(), a, req)
	return err
}

func TestNamesAreComparedByNFC(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	first := w.put(a, "Documents/e\u0301te\u0301", "decomposed")
	second := w.put(a, "Documents/été", "composed")
	if first.UID != second.UID || second.Name != "e\u0301te\u0301" || w.names(a, "Documents") != "e\u0301te\u0301" {
		t.Fatalf("%q %q", first.Name, second.Name)
	}
	if w.stat(a, "Documents/été").Path != first.Path {
		t.Fatal("the path is not the stored one")
	}
	m, err := w.Rename(t.Context(), a, files.RenameRequest{Entry: at(t, a, first.UID), NewName: "été"})
	if err != nil || m.Name != "été" || m.UID != first.UID {
		t.Fatal(m, err)
	}
	w.put(a, "Documents/Été", "case counts")
	if w.get(a, "Documents/été") != "composed" {
		t.Fatal("case does not count")
	}
	w.sound()
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	a, b := w.user(1), w.user(2)
	for _, p := range []string{"Documents/f", "Documents/d/1", "Documents/d/e/2", "Documents/d/e/f/3", "Documents/keep", "Pictures/x/y"} {
		w.put(a, p, strings.Repeat(p, 9000)) // beyond 64 KiB: object files
	}
	w.mkdir(a, "Documents/empty")
	w.put(b, "b's", "b")
	w.told()
	w.sleep(time.Hour)
	list := func(paths ...string) (s []files.Selector) {
		for _, p := range paths {
			s = append(s, at(t, a, p))
		}
		return s
	}
	for name, c := range map[string]struct {
		req  files.DeleteRequest
		code string
	}{
		"nothing":           {files.DeleteRequest{}, "field_missing"},
		"one is missing":    {files.DeleteRequest{Entries: list("Documents/f", "Documents/none"), Recursive: true}, "subject_does_not_exist"},
		"one is another's":  {files.DeleteRequest{Entries: list("Documents/f", "/"+b.Wallet.String()+"/b's"), Recursive: true}, "subject_does_not_exist"},
		"one is immutable":  {files.DeleteRequest{Entries: list("Documents/f", "Documents"), Recursive: true}, "forbidden"},
		"one is not empty":  {files.DeleteRequest{Entries: list("Documents/f", "Documents/d")}, "conflict"},
		"the home":          {files.DeleteRequest{Entries: list("~"), Recursive: true}, "forbidden"},
		"the home's folder": {files.DeleteRequest{Entries: list("~"), Recursive: true, DescendantsOnly: true}, "forbidden"},
		"the root":          {files.DeleteRequest{Entries: list("/"), Recursive: true}, "forbidden"},
		"below a file":      {files.DeleteRequest{Entries: list("Documents/f/x"), Recursive: true}, "subject_does_not_exist"},
		"too many":          {files.DeleteRequest{Entries: make([]files.Selector, 10_001)}, "bad_request"},
	} {
		_, err := w.Delete(t.Context(), a, c.req)
		if wantCode(t, err, c.code); t.Failed() {
			t.Fatal(name)
		}
	}
	w.wantTold()
	// Twice the same, and one inside another.
	gone, err := w.Delete(t.Context(), a, files.DeleteRequest{Entries: list("Documents/d/e", "Documents/f", "Documents/d", "Documents/f", "Pictures/x"), Recursive: true, Origin: "me"})
	if err != nil || len(gone) != 5 || gone[0].Name != "e" || gone[1].Path != gone[3].Path {
		t.Fatal(gone, err)
	}
	w.wantTold("removed /Documents/f", "removed /Documents/d", "removed /Pictures/x")
	if w.names(a, "Documents") != "empty keep" || w.names(a, "Pictures") != "" || w.get(a, "Documents/keep") == "" {
		t.Fatal(w.names(a, "Documents"))
	}
	for _, p := range []string{"Documents", "Pictures"} {
		if w.stat(a, p).Modified != w.clock.Unix() {
			t.Error(p, "does not know that its children changed")
		}
	}
	if err := remove(w, a, "Documents/empty"); err != nil {
		t.Fatal(err)
	}
	w.told()
	w.put(a, "Trash/1/2", "x")
	w.told()
	if _, err := w.Delete(t.Context(), a, files.DeleteRequest{Entries: list("Trash", "Videos"), DescendantsOnly: true}); err != nil {
		t.Fatal(err)
	}
	w.wantTold("removed /Trash (children)") // there was nothing in Videos
	if w.names(a, "Trash") != "" {
		t.Fatal("Trash is not empty")
	}
	if used, _, err := w.Usage(t.Context(), a.Wallet); err != nil || used != int64(len("Documents/keep")*9000) {
		t.Fatal(used, err)
	}
	w.sound()
	w.filesOnDisk(1)
}

// filesOnDisk waits until there are that many: filing away and unlinking go on in
// the background, and for a moment a file has two names.
func (w *world) filesOnDisk(want int) {
	w.t.Helper()
	got := -1
	for range 1000 {
		if got = w.countObjects(); got == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("%d object files on disk, want %d", got, want)
}

func TestTouch(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.told()
	touch := func(path string, o files.TouchRequest) (files.Entry, error) {
		o.To = at(t, a, path)
		return w.Touch(t.Context(), a, o)
	}
	e, err := touch("Documents/new.txt", files.TouchRequest{})
	if err != nil || e.Size != 0 || e.IsDir || e.Root == "" || w.get(a, "Documents/new.txt") != "" {
		t.Fatal(e, err)
	}
	w.wantTold("added /Documents/new.txt")
	start := w.clock.Unix()
	w.sleep(time.Minute)
	if e, err = touch("Documents/new.txt", files.TouchRequest{SetCreated: true}); err != nil || e.Created != start+60 || e.Modified != start {
		t.Fatal(e, err)
	}
	if e, err = touch("Documents/new.txt", files.TouchRequest{}); err != nil || e.Modified != start+60 || e.Accessed != start+60 {
		t.Fatal(e, err)
	}
	if e, err = touch("Pictures", files.TouchRequest{SetModified: true}); err != nil || e.Modified != start+60 || e.Accessed != start {
		t.Fatal(e, err)
	}
	w.wantTold("updated /Documents/new.txt", "updated /Documents/new.txt", "updated /Pictures")
	if _, err = touch("a/b/c", files.TouchRequest{}); err == nil {
		t.Fatal("touched without parents")
	}
	wantCode(t, err, "dest_does_not_exist")
	if _, err = touch("a/b/c", files.TouchRequest{CreateParents: true}); err != nil {
		t.Fatal(err)
	}
	_, err = touch("/", files.TouchRequest{})
	wantCode(t, err, "cannot_write_to_root")
	_, err = touch("/x", files.TouchRequest{})
	wantCode(t, err, "cannot_write_to_root")
	w.sound()
}

func TestTrashMetadata(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	f := w.put(a, "Documents/a.txt", "a")
	if _, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/m.txt"), Metadata: new(`{"mine":[1]}`)}, strings.NewReader("m")); err != nil {
		t.Fatal(err)
	}
	parse := func(e files.Entry) map[string]any {
		t.Helper()
		if e.Metadata == nil {
			return nil
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(*e.Metadata), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	w.told()
	m, err := w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, f.UID), To: at(t, a, "Trash"), NewName: f.UID})
	if err != nil || m.Name != f.UID {
		t.Fatal(m, err)
	}
	if got := parse(m.Entry); got["original_name"] != "a.txt" || got["original_path"] != f.Path.String() || got["trashed_ts"] != float64(w.clock.Unix()) {
		t.Fatal(got)
	}
	w.wantTold("moved /Documents/a.txt > /Trash/" + f.UID)
	if m, err = w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, f.UID), To: at(t, a, "Trash"), NewName: "other"}); err != nil || parse(m.Entry)["original_name"] != "a.txt" {
		t.Fatal(m, err) // inside the Trash nothing changes
	}
	if m, err = w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, f.UID), To: at(t, a, "Documents"), NewName: "a.txt"}); err != nil || m.Metadata != nil {
		t.Fatal(m, err)
	}
	if m, err = w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, "Documents/m.txt"), To: at(t, a, "Trash")}); err != nil || len(parse(m.Entry)) != 4 {
		t.Fatal(m, err)
	}
	if m, err = w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, "Trash/m.txt"), To: at(t, a, "Documents")}); err != nil || *m.Metadata != `{"mine":[1]}` {
		t.Fatal(*m.Metadata, err)
	}
	if m, err = w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, "Documents/m.txt"), To: at(t, a, "Trash"), Metadata: new(`{"original_name":"x"}`)}); err != nil || *m.Metadata != `{"original_name":"x"}` {
		t.Fatal(m, err)
	}
	w.sound()
}

func TestQuota(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.capacity = 1000
	w.put(a, "Documents/a", strings.Repeat("x", 600))
	write := func(name string, n int, announced int64) error {
		_, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/"+name), Overwrite: true, Size: announced}, strings.NewReader(strings.Repeat("y", n)))
		return err
	}
	wantCode(t, write("b", 401, 0), "storage_limit_reached")
	wantCode(t, write("b", 401, 401), "storage_limit_reached")
	wantCode(t, write("a", 1001, 0), "storage_limit_reached")
	wantCode(t, write("a", 1000, 1000), "") // in place of the old content
	wantCode(t, write("b", 0, 0), "")
	wantCode(t, write("b", 1, 0), "storage_limit_reached")
	_, err := w.Copy(t.Context(), a, files.CopyRequest{From: at(t, a, "Documents/a"), To: at(t, a, "Pictures")})
	wantCode(t, err, "storage_limit_reached")
	w.capacity = 500 // lowered: what is there stays, may shrink, not grow
	wantCode(t, write("a", 1001, 0), "storage_limit_reached")
	wantCode(t, write("a", 700, 0), "")
	if w.get(a, "Documents/a") != strings.Repeat("y", 700) {
		t.Fatal("content")
	}
	wantCode(t, remove(w, a, "Documents/b"), "")
	_, err = w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, "Documents/a"), To: at(t, a, "Pictures")})
	wantCode(t, err, "")
	if used, capacity, err := w.Usage(t.Context(), a.Wallet); used != 700 || capacity != 500 || err != nil {
		t.Fatal(used, capacity, err)
	}
	// A quota of one's own comes before the node's limit.
	err = w.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE users SET quota_bytes = 2000 WHERE wallet_address = ?", a.Wallet)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, write("c", 1300, 0), "")
	wantCode(t, write("d", 1, 0), "storage_limit_reached")
	// An endless body without a size ends at the limit.
	_, err = w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/c"), Overwrite: true}, endless{})
	wantCode(t, err, "storage_limit_reached")
	w.sound()
	w.filesOnDisk(0)
	if errors.Is(err, files.ErrStale) {
		t.Fatal("codes are mixed up")
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestSmallPrint(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	// Numbers in somebody's metadata keep their digits on the way through the Trash.
	m := `{"n":12345678901234567890}`
	f, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/f"), Metadata: &m}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"Trash", "Documents"} {
		if _, err := w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, f.UID), To: at(t, a, to)}); err != nil {
			t.Fatal(err)
		}
	}
	if e := w.stat(a, f.UID); *e.Metadata != m {
		t.Fatal(*e.Metadata)
	}
	// Content keeps the metadata unless there are new ones.
	if w.put(a, f.Path.String(), "new"); *w.stat(a, f.UID).Metadata != m {
		t.Fatal("metadata lost")
	}
	_, err = w.Touch(t.Context(), a, files.TouchRequest{To: files.ByUID("11111111-2222-4333-8444-555555555555")})
	wantCode(t, err, "subject_does_not_exist")
	for _, o := range []files.ListOptions{{Limit: 1 << 62}, {Limit: 1_000_000}, {Limit: 1, Total: true}} {
		p, err := w.List(t.Context(), a, at(t, a, "~"), o)
		if o.Limit == 1<<62 {
			wantCode(t, err, "bad_request")
		} else if err != nil || len(p.Items) != min(7, o.Limit) {
			t.Fatal(p, err)
		}
	}
	// With a digest, what arrived can be compared before anything is visible.
	r, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/d"), Digest: true, Verify: func(n int64, sum []byte) error {
		if _, err := w.Stat(t.Context(), a, at(t, a, "Documents/d"), files.StatOptions{}); !errors.Is(err, files.ErrNotFound) || n != 3 || len(sum) != 32 {
			return errors.New("visible")
		}
		return nil
	}}, strings.NewReader("abc"))
	if err != nil || fmt.Sprintf("%x", r.SHA256) != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Fatal(r, err)
	}
	w.sound()
}
