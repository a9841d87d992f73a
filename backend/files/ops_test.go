package files_test

import (
	"encoding/json"
	"errors"
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

func TestMove(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.put(a, "Documents/d/e/file.txt", "content")
	w.put(a, "Documents/other.txt", "other")
	w.put(a, "Documents/full/x", "x")
	w.mkdir(a, "Documents/empty")
	w.told()
	before := w.stat(a, "Documents/d/e/file.txt")
	w.sleep(time.Hour)
	move := func(from, to string, o files.MoveRequest) (files.MoveResult, error) {
		o.From, o.To = at(t, a, from), at(t, a, to)
		return w.Move(t.Context(), a, o)
	}
	for name, c := range map[string]struct {
		from, to string
		o        files.MoveRequest
		code     string
	}{
		"no source":            {"Documents/none", "Pictures", files.MoveRequest{}, "subject_does_not_exist"},
		"no destination":       {"Documents/d", "Pictures/no/where", files.MoveRequest{}, "dest_does_not_exist"},
		"no folder of newname": {"Documents/d", "Pictures/no", files.MoveRequest{NewName: "x"}, "dest_does_not_exist"},
		"to a file":            {"Documents/d", "Documents/other.txt", files.MoveRequest{}, "dest_is_not_a_directory"},
		"below a file":         {"Documents/d", "Documents/other.txt/x", files.MoveRequest{}, "dest_is_not_a_directory"},
		"into itself":          {"Documents/d", "Documents/d", files.MoveRequest{}, "cannot_move_directory_into_itself"},
		"into its child":       {"Documents/d", "Documents/d/e", files.MoveRequest{}, "cannot_move_directory_into_itself"},
		"into its new child":   {"Documents/d", "Documents/d/e/new", files.MoveRequest{}, "cannot_move_directory_into_itself"},
		"same place":           {"Documents/d", "Documents", files.MoveRequest{Overwrite: true}, "source_and_dest_are_the_same"},
		"immutable":            {"Documents", "Pictures", files.MoveRequest{}, "forbidden"},
		"over immutable":       {"Documents/d", "~", files.MoveRequest{NewName: "Pictures", Overwrite: true}, "forbidden"},
		"the home":             {"~", "Pictures", files.MoveRequest{}, "forbidden"},
		"the root":             {"/", "Pictures", files.MoveRequest{}, "forbidden"},
		"into the root":        {"Documents/d", "/", files.MoveRequest{}, "cannot_write_to_root"},
		"to a name in it":      {"Documents/d", "/x", files.MoveRequest{}, "cannot_write_to_root"},
		"name taken":           {"Documents/d/e/file.txt", "Documents", files.MoveRequest{NewName: "other.txt"}, "item_with_same_name_exists"},
		"over a full folder":   {"Documents/other.txt", "Documents", files.MoveRequest{NewName: "full", Overwrite: true}, "cannot_overwrite_a_directory"},
		"over its own parent":  {"Documents/d/e", "Documents", files.MoveRequest{NewName: "d", Overwrite: true}, "cannot_overwrite_a_directory"},
		"bad name":             {"Documents/d", "Pictures", files.MoveRequest{NewName: ".."}, "field_invalid"},
		"bad metadata":         {"Documents/d", "Pictures", files.MoveRequest{Metadata: new("[]")}, "field_invalid"},
	} {
		_, err := move(c.from, c.to, c.o)
		if wantCode(t, err, c.code); t.Failed() {
			t.Fatal(name)
		}
	}
	w.wantTold()

	m, err := move("Documents/d", "Pictures", files.MoveRequest{})
	if err != nil || m.OldPath.String() != home+"/Documents/d" || m.Path.String() != home+"/Pictures/d" || m.ParentUID != w.stat(a, "Pictures").UID {
		t.Fatal(m, err)
	}
	w.wantTold("moved /Documents/d > /Pictures/d")
	after := w.stat(a, "Pictures/d/e/file.txt")
	if after.UID != before.UID || after.Modified != before.Modified || w.get(a, "Pictures/d/e/file.txt") != "content" || w.stat(a, before.UID).Path != after.Path {
		t.Fatalf("%+v", after)
	}
	if w.stat(a, "Documents").Modified != w.clock.Unix() || w.stat(a, "Pictures").Modified != w.clock.Unix() || w.stat(a, "Pictures/d").Modified == w.clock.Unix() {
		t.Fatal("times of modification")
	}
	if _, err := move("Pictures/d/e", "Documents/E", files.MoveRequest{}); err != nil { // the whole new path
		t.Fatal(err)
	}
	w.wantTold("moved /Pictures/d/e > /Documents/E")
	if _, err := move("Documents/E/file.txt", "Videos/a/b.md", files.MoveRequest{CreateParents: true}); err != nil {
		t.Fatal(err)
	}
	w.wantTold("added /Videos/a", "moved /Documents/E/file.txt > /Videos/a/b.md")
	if e := w.stat(a, "Videos/a/b.md"); e.MIME != "text/markdown" {
		t.Fatal(e.MIME)
	}
	m, err = move("Videos/a/b.md", "Documents", files.MoveRequest{NewName: "other.txt", Overwrite: true})
	if err != nil || m.Overwritten == nil || m.Overwritten.Name != "other.txt" || m.UID != before.UID {
		t.Fatal(m, err)
	}
	w.wantTold("removed /Documents/other.txt", "moved /Videos/a/b.md > /Documents/other.txt")
	if w.get(a, "Documents/other.txt") != "content" {
		t.Fatal("content")
	}
	if m, err = move("Videos/a", "Documents", files.MoveRequest{NewName: "empty", Overwrite: true}); err != nil || m.Overwritten == nil {
		t.Fatal(m, err)
	}
	w.told()
	w.put(a, "Pictures/other.txt", "third")
	w.told()
	if m, err = move("Pictures/other.txt", "Documents", files.MoveRequest{DedupeName: true}); err != nil || m.Name != "other (1).txt" {
		t.Fatal(m, err)
	}
	w.wantTold("moved /Pictures/other.txt > /Documents/other (1).txt")
	if m, err = move("Documents/other (1).txt", "Public", files.MoveRequest{Metadata: new(`{"a":1}`)}); err != nil || !m.Public || *m.Metadata != `{"a":1}` {
		t.Fatal(m, err)
	}
	w.sound()
}

func TestRename(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	f := w.put(a, "Documents/a.txt", "a")
	w.put(a, "Documents/b.txt", "b")
	w.mkdir(a, "Documents/dir/sub")
	w.told()
	rename := func(path, name string) (files.MoveResult, error) {
		return w.Rename(t.Context(), a, files.RenameRequest{Entry: at(t, a, path), NewName: name})
	}
	for path, c := range map[string][2]string{
		"Documents/none": {"x", "subject_does_not_exist"}, "Documents/a.txt": {"b.txt", "item_with_same_name_exists"}, "Documents": {"x", "forbidden"},
		"~": {"x", "forbidden"}, "/": {"x", "forbidden"}, "Documents/dir": {"a/b", "field_invalid"}, "Documents/b.txt": {"", "field_invalid"},
	} {
		_, err := rename(path, c[0])
		wantCode(t, err, c[1])
	}
	m, err := rename("Documents/a.txt", "a.txt")
	if err != nil || m.Rev != 1 || m.OldPath != m.Path {
		t.Fatal(m, err)
	}
	w.wantTold()
	if m, err = rename("Documents/a.txt", "c.json"); err != nil || m.UID != f.UID || m.MIME != "application/json" || m.OldPath.Base() != "a.txt" {
		t.Fatal(m, err)
	}
	if m, err = rename("Documents/dir", "folder"); err != nil || m.Empty {
		t.Fatal(m, err)
	}
	w.wantTold("renamed /Documents/a.txt > /Documents/c.json", "renamed /Documents/dir > /Documents/folder")
	if w.names(a, "Documents/folder") != "sub" {
		t.Fatal("children")
	}
	// A type that was given explicitly stays.
	if _, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "Documents/t.txt"), MIME: "text/x-own"}, strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	if m, err = rename("Documents/t.txt", "t.json"); err != nil || m.MIME != "text/x-own" {
		t.Fatal(m, err)
	}
	w.sound()
}

func TestLimitsOfAMovedFolder(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.mkdir(a, "Documents/tall/"+strings.Repeat("d/", 100)+"d")
	w.put(a, "Documents/tall/"+strings.Repeat("d/", 100)+"d/file", "x")
	w.mkdir(a, "Documents/deep/"+strings.Repeat("d/", 23)+"d") // 26 names below the home
	w.mkdir(a, "Documents/"+strings.TrimSuffix(strings.Repeat(strings.Repeat("n", 250)+"/", 12), "/"))
	w.put(a, "Documents/long/"+strings.TrimSuffix(strings.Repeat(strings.Repeat("m", 200)+"/", 5), "/"), "x")
	deep := at(t, a, "Documents/deep/"+strings.Repeat("d/", 23)+"d")
	for _, op := range []string{"move", "copy"} {
		try := func(from string, to files.Selector, name string) (err error) {
			if op == "copy" {
				_, err = w.Copy(t.Context(), a, files.CopyRequest{From: at(t, a, from), To: to, NewName: name})
			} else {
				_, err = w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, from), To: to, NewName: name})
			}
			return err
		}
		// tall has 102 names below it, and would itself be the 27th
		wantCode(t, try("Documents/tall", deep, "tall"), "field_invalid")
		// 12 * 251 bytes, 44 of the home and 10 of Documents; long has 5 * 201 bytes below it
		twelve := "Documents/" + strings.TrimSuffix(strings.Repeat(strings.Repeat("n", 250)+"/", 12), "/")
		wantCode(t, try("Documents/long", at(t, a, twelve), strings.Repeat("o", 100)), "field_invalid")
		wantCode(t, try("Documents/long", at(t, a, twelve), "fits"), "")
		if op == "copy" {
			if err := remove(w, a, twelve+"/fits"); err != nil {
				t.Fatal(err)
			}
		}
		if op == "move" {
			if err := try(twelve+"/fits", at(t, a, "Documents"), "long"); err != nil {
				t.Fatal(err)
			}
		}
		up := at(t, a, "Documents/deep/"+strings.Repeat("d/", 22)+"d") // here it is the 26th
		wantCode(t, try("Documents/tall", up, "tall"), "")
		if op == "move" {
			if err := try("Documents/deep/"+strings.Repeat("d/", 22)+"d/tall", at(t, a, "Documents"), "tall"); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.sound()
}

func TestCopy(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	for _, p := range []string{"Documents/d/1", "Documents/d/e/2", "Documents/d/e/f/3"} {
		w.put(a, p, strings.Repeat(p, 6000))
	}
	w.mkdir(a, "Documents/d/empty")
	w.put(a, "Documents/file.txt", "file")
	w.put(a, "Pictures/file.txt", "old")
	w.put(a, "Pictures/full/x", "x")
	w.told()
	used, _, _ := w.Usage(t.Context(), a.Wallet)
	w.sleep(time.Hour)
	cp := func(from, to string, o files.CopyRequest) (files.CopyResult, error) {
		o.From, o.To = at(t, a, from), at(t, a, to)
		return w.Copy(t.Context(), a, o)
	}
	for name, c := range map[string]struct {
		from, to string
		o        files.CopyRequest
		code     string
	}{
		"no source":           {"Documents/none", "Pictures", files.CopyRequest{}, "subject_does_not_exist"},
		"no destination":      {"Documents/d", "Pictures/new", files.CopyRequest{}, "dest_does_not_exist"},
		"no folder":           {"Documents/d", "Pictures/new", files.CopyRequest{NewName: "x"}, "dest_does_not_exist"},
		"to a file":           {"Documents/d", "Documents/file.txt", files.CopyRequest{}, "dest_is_not_a_directory"},
		"into itself":         {"Documents/d", "Documents/d", files.CopyRequest{}, "cannot_copy_directory_into_itself"},
		"into its child":      {"Documents/d", "Documents/d/e/f", files.CopyRequest{NewName: "x"}, "cannot_copy_directory_into_itself"},
		"the home":            {"~", "Documents", files.CopyRequest{}, "cannot_copy_directory_into_itself"},
		"the root":            {"/", "Documents", files.CopyRequest{}, "forbidden"},
		"into the root":       {"Documents/d", "/", files.CopyRequest{}, "cannot_write_to_root"},
		"name taken":          {"Documents/file.txt", "Pictures", files.CopyRequest{}, "item_with_same_name_exists"},
		"onto itself":         {"Documents/file.txt", "Documents", files.CopyRequest{Overwrite: true}, "source_and_dest_are_the_same"},
		"beside itself":       {"Documents/file.txt", "Documents", files.CopyRequest{}, "item_with_same_name_exists"},
		"over a full folder":  {"Documents/file.txt", "Pictures", files.CopyRequest{NewName: "full", Overwrite: true}, "cannot_overwrite_a_directory"},
		"over its own parent": {"Documents/d/e", "Documents", files.CopyRequest{NewName: "d", Overwrite: true}, "cannot_overwrite_a_directory"},
		"over immutable":      {"Documents/d", "~", files.CopyRequest{NewName: "Videos", Overwrite: true}, "forbidden"},
	} {
		_, err := cp(c.from, c.to, c.o)
		if wantCode(t, err, c.code); t.Failed() {
			t.Fatal(name)
		}
	}
	w.wantTold()

	c, err := cp("Documents/d", "Pictures", files.CopyRequest{})
	if err != nil || c.Empty || c.Created != w.clock.Unix() {
		t.Fatal(c, err)
	}
	w.wantTold("added /Pictures/d")
	uids := map[string]bool{}
	for _, p := range []string{"", "/1", "/e", "/e/2", "/e/f", "/e/f/3", "/empty"} {
		old, fresh := w.stat(a, "Documents/d"+p), w.stat(a, "Pictures/d"+p)
		if old.UID == fresh.UID || old.Root != fresh.Root || old.Size != fresh.Size || old.IsDir != fresh.IsDir || old.MIME != fresh.MIME || old.Modified != fresh.Modified || fresh.Created != w.clock.Unix() {
			t.Errorf("%s\n%+v\n%+v", p, old, fresh)
		}
		if len(fresh.UID) != 36 || fresh.UID[14] != '4' || !strings.ContainsRune("89ab", rune(fresh.UID[19])) || fresh.UID != strings.ToLower(fresh.UID) || w.stat(a, fresh.UID).Path != fresh.Path {
			t.Errorf("uid %s", fresh.UID)
		}
		uids[fresh.UID] = true
		if !old.IsDir && w.get(a, "Documents/d"+p) != w.get(a, "Pictures/d"+p) {
			t.Error("content of", p)
		}
	}
	if len(uids) != 7 {
		t.Error("uids repeat")
	}
	sum := len("Documents/d/1Documents/d/e/2Documents/d/e/f/3") * 6000
	if now, _, _ := w.Usage(t.Context(), a.Wallet); now != used+int64(sum) {
		t.Error("usage", now, used)
	}
	w.sound()
	w.filesOnDisk(3) // shared

	// The copy is another file: neither sees what happens to the other.
	w.put(a, "Documents/d/1", "new")
	if err := remove(w, a, "Documents/d"); err != nil {
		t.Fatal(err)
	}
	if w.get(a, "Pictures/d/e/f/3") != strings.Repeat("Documents/d/e/f/3", 6000) || w.get(a, "Pictures/d/1") != strings.Repeat("Documents/d/1", 6000) {
		t.Fatal("the copy went with its original")
	}
	w.sound()
	w.filesOnDisk(3)
	w.told()
	c, err = cp("Documents/file.txt", "Pictures", files.CopyRequest{Overwrite: true})
	if err != nil || c.Overwritten == nil || w.get(a, "Pictures/file.txt") != "file" {
		t.Fatal(c, err)
	}
	w.wantTold("removed /Pictures/file.txt", "added /Pictures/file.txt")
	if c, err = cp("Documents/file.txt", "Documents", files.CopyRequest{DedupeName: true}); err != nil || c.Name != "file (1).txt" {
		t.Fatal(c, err)
	}
	if c, err = cp("Documents/file.txt", "Public", files.CopyRequest{NewName: "p.txt"}); err != nil || !c.Public || c.Name != "p.txt" {
		t.Fatal(c, err)
	}
	if c, err = cp("Documents", "Public", files.CopyRequest{}); err != nil || c.Immutable { // what is immutable at home is a folder elsewhere
		t.Fatal(c, err)
	}
	w.sound()
	if err := remove(w, a, "Pictures/d", "Pictures/file.txt"); err != nil {
		t.Fatal(err)
	}
	w.sound()
	w.filesOnDisk(0)
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
