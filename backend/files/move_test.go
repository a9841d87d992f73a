package files_test

import (
	"strings"
	"testing"
	"time"

	"pc2/backend/files"
)

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
