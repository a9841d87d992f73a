package files_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pc2/backend/event"
	"pc2/backend/files"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

// What belongs to somebody else cannot be told from what does not exist.
func TestOthersDoNotExist(t *testing.T) {
	w := newWorld(t)
	a, b := w.user(1), w.user(2)
	theirs := w.put(b, "Documents/folder/secret.txt", "b's")
	folder := w.stat(b, "Documents/folder")
	mine := w.put(a, "Documents/mine.txt", "a's")
	dir := "/" + b.Wallet.String() + "/Documents/folder"
	nobody := files.Actor{}
	for name, see := range map[string]func(files.Actor, string, string) error{
		"stat": func(a files.Actor, f, _ string) error {
			_, err := w.Stat(t.Context(), a, at(t, a, f), files.StatOptions{})
			return err
		},
		"list": func(a files.Actor, _, d string) error {
			_, err := w.List(t.Context(), a, at(t, a, d), files.ListOptions{})
			return err
		},
		"open": func(a files.Actor, f, _ string) error {
			r, err := w.Open(t.Context(), a, at(t, a, f))
			if err == nil {
				r.Close()
			}
			return err
		},
		"write": func(a files.Actor, f, _ string) error {
			_, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, f), Overwrite: true, CreateParents: true}, strings.NewReader("overwritten"))
			return err
		},
		"write into": func(a files.Actor, _, d string) error {
			_, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, d), Name: "new", CreateParents: true}, strings.NewReader("new"))
			return err
		},
		"mkdir": func(a files.Actor, _, d string) error {
			s, err := at(t, a, d).Under("new")
			if err != nil {
				return err
			}
			_, err = w.Mkdir(t.Context(), a, files.MkdirRequest{To: s, CreateParents: true})
			return err
		},
		"delete": func(a files.Actor, f, _ string) error { return remove(w, a, f) },
		"move": func(a files.Actor, f, _ string) error {
			_, err := w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, f), To: at(t, a, "/"+mine.Owner.String()+"/Pictures")})
			return err
		},
		"move into": func(a files.Actor, _, d string) error {
			_, err := w.Move(t.Context(), a, files.MoveRequest{From: at(t, a, mine.UID), To: at(t, a, d)})
			return err
		},
		"copy": func(a files.Actor, f, _ string) error {
			_, err := w.Copy(t.Context(), a, files.CopyRequest{From: at(t, a, f), To: at(t, a, "/"+mine.Owner.String()+"/Pictures")})
			return err
		},
		"copy into": func(a files.Actor, _, d string) error {
			_, err := w.Copy(t.Context(), a, files.CopyRequest{From: at(t, a, mine.UID), To: at(t, a, d)})
			return err
		},
		"rename": func(a files.Actor, f, _ string) error {
			_, err := w.Rename(t.Context(), a, files.RenameRequest{Entry: at(t, a, f), NewName: "x"})
			return err
		},
		"touch": func(a files.Actor, f, _ string) error {
			_, err := w.Touch(t.Context(), a, files.TouchRequest{To: at(t, a, f), CreateParents: true})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			nothing := "/" + wallet.Address{0xee}.String() + "/Documents/folder"
			for _, pair := range [][4]string{
				{theirs.Path.String(), dir, nothing + "/secret.txt", nothing},
				{theirs.UID, folder.UID, "11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-666666666666"},
			} {
				there, none := see(a, pair[0], pair[1]), see(a, pair[2], pair[3])
				if there == nil || none == nil || there.Error() != none.Error() {
					t.Errorf("with %s: %v, but of what does not exist: %v", pair[0], there, none)
				}
				if err := see(nobody, pair[0], pair[1]); err == nil {
					t.Error("somebody without a wallet")
				}
			}
		})
	}
	if w.get(b, "Documents/folder/secret.txt") != "b's" || w.names(b, "Documents/folder") != "secret.txt" || w.get(a, mine.UID) != "a's" {
		t.Fatal("something happened")
	}
	w.sound()
}

// An admin moves and copies between homes: keys, owners and usage go along.
func TestBetweenOwners(t *testing.T) {
	w := newWorld(t)
	a, b := w.user(1), w.user(2)
	admin := files.Actor{Wallet: a.Wallet, Admin: true}
	big := strings.Repeat("b", 100_000)
	w.put(b, "Documents/d/one", "one")
	w.put(b, "Documents/d/e/two", big)
	w.put(b, "Documents/file", "file")
	w.told()
	from := "/" + b.Wallet.String() + "/Documents/"

	c, err := w.Copy(t.Context(), admin, files.CopyRequest{From: at(t, admin, from+"d"), To: at(t, admin, "Pictures")})
	if err != nil || c.Owner != a.Wallet {
		t.Fatal(c, err)
	}
	w.wantTold("added /Pictures/d")
	if w.get(a, "Pictures/d/one") != "one" || w.get(a, "Pictures/d/e/two") != big || w.get(b, "Documents/d/e/two") != big {
		t.Fatal("content of the copy")
	}
	w.sound()
	w.filesOnDisk(1)

	m, err := w.Move(t.Context(), admin, files.MoveRequest{From: at(t, admin, from+"d"), To: at(t, admin, "Videos")})
	if err != nil || m.Owner != a.Wallet {
		t.Fatal(m, err)
	}
	w.wantTold("removed /Documents/d", "added /Videos/d")
	if w.get(a, "Videos/d/one") != "one" || w.get(a, "Videos/d/e/two") != big || w.stat(a, "Videos/d/e/two").Owner != a.Wallet {
		t.Fatal("content of what was moved")
	}
	_, err = w.Stat(t.Context(), b, at(t, b, m.UID), files.StatOptions{})
	wantCode(t, err, "subject_does_not_exist")
	if used, _, err := w.Usage(t.Context(), b.Wallet); used != 4 || err != nil {
		t.Fatal(used, err)
	}
	w.sound()

	// The limit is that of whom it will belong to.
	w.capacity = 200_007
	m, err = w.Move(t.Context(), admin, files.MoveRequest{From: at(t, admin, from+"file"), To: at(t, admin, "Videos")})
	wantCode(t, err, "storage_limit_reached")
	if w.get(b, "Documents/file") != "file" {
		t.Fatal("half a move")
	}
	// Back to where it came from, by uid.
	if _, err = w.Move(t.Context(), admin, files.MoveRequest{From: at(t, admin, "Videos/d/e/two"), To: at(t, admin, from)}); err != nil {
		t.Fatal(err)
	}
	if w.get(b, "Documents/two") != big {
		t.Fatal("content")
	}
	// What an admin writes into a home belongs to that home.
	r, err := w.Write(t.Context(), admin, files.WriteRequest{To: at(t, admin, from+"new")}, strings.NewReader("new"))
	if err != nil || r.Owner != b.Wallet || w.get(b, "Documents/new") != "new" {
		t.Fatal(r, err)
	}
	w.sound()
}

func TestEventsSayEnough(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.told()
	last := int64(0)
	next := func() files.Changed {
		t.Helper()
		c := <-w.events.C()
		if c.Owner != a.Wallet || c.Origin != "socket" || c.Time.IsZero() || c.LastChange <= last {
			t.Fatalf("%+v", c)
		}
		last = c.LastChange
		if ms, err := w.LastChange(t.Context(), a.Wallet); ms != last || err != nil {
			t.Fatal(ms, last, err)
		}
		return c
	}
	s := at(t, a, "Public/f.txt")
	r, err := w.Write(t.Context(), a, files.WriteRequest{To: s, Origin: "socket"}, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if c := next(); c.Op != files.Added || c.Entry != r.Entry || c.Entry != w.stat(a, "Public/f.txt") || !c.Entry.Public {
		t.Fatalf("%+v\n%+v", c.Entry, r.Entry)
	}
	if r, err = w.Write(t.Context(), a, files.WriteRequest{To: s, Overwrite: true, Origin: "socket"}, strings.NewReader("yy")); err != nil {
		t.Fatal(err)
	}
	if c := next(); c.Op != files.Updated || c.Entry != r.Entry || c.Entry != w.stat(a, "Public/f.txt") {
		t.Fatalf("%+v", c)
	}
	m, err := w.Move(t.Context(), a, files.MoveRequest{From: s, To: at(t, a, "Documents"), Origin: "socket"})
	if err != nil {
		t.Fatal(err)
	}
	if c := next(); c.Op != files.Moved || c.Entry != m.Entry || c.Entry != w.stat(a, "Documents/f.txt") || c.OldPath != m.OldPath || c.Entry.Public {
		t.Fatalf("%+v", c)
	}
	d, err := w.Copy(t.Context(), a, files.CopyRequest{From: at(t, a, m.UID), To: at(t, a, "Pictures"), Origin: "socket"})
	if err != nil {
		t.Fatal(err)
	}
	if c := next(); c.Op != files.Added || c.Entry != d.Entry || c.Entry != w.stat(a, "Pictures/f.txt") {
		t.Fatalf("%+v\n%+v", c.Entry, w.stat(a, "Pictures/f.txt"))
	}
	if _, err = w.Delete(t.Context(), a, files.DeleteRequest{Entries: []files.Selector{at(t, a, d.UID)}, Origin: "socket"}); err != nil {
		t.Fatal(err)
	}
	if c := next(); c.Op != files.Removed || c.Entry != d.Entry || c.DescendantsOnly {
		t.Fatalf("%+v", c)
	}
	// Two changes in one millisecond are still two.
	if ms, err := w.LastChange(t.Context(), wallet.Address{9}); ms != 0 || err != nil {
		t.Fatal(ms, err)
	}
}

// Nothing is told of what was not committed, and a listener that sleeps holds up nobody.
func TestFailuresAreNotTold(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.capacity = 3
	slow := event.Subscribe[files.Changed](w.bus, 1)
	defer slow.Close()
	w.told()
	_, err := w.Write(t.Context(), a, files.WriteRequest{To: at(t, a, "x/y/z"), CreateParents: true}, strings.NewReader("1234"))
	wantCode(t, err, "storage_limit_reached")
	w.wantTold()
	if w.names(a, "~") != "AppData Desktop Documents Pictures Public Trash Videos" {
		t.Fatal("parents of a write that failed")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5 {
			w.put(a, "f", "1")
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the tree waits for a listener")
	}
	if slow.Lost() != 4 {
		t.Fatal("lost")
	}
}

// Content that is gone or cannot be opened with the row's key is an error with a
// code, and no wrong byte.
func TestContentThatIsMissing(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.put(a, "Documents/big", strings.Repeat("x", 100_000))
	w.put(a, "Documents/small", "x")
	w.put(a, "Documents/key", "x")
	w.filesOnDisk(1)
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && len(d.Name()) == 16 && !d.IsDir() {
			return os.Remove(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("DELETE FROM inline WHERE id = (SELECT object FROM entries WHERE name = 'small')")
		if err == nil {
			_, err = tx.Exec("UPDATE entries SET key = (SELECT key FROM entries WHERE name = 'small') WHERE name = 'key'")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"big", "small", "key"} {
		f, err := w.Open(t.Context(), a, at(t, a, "Documents/"+name))
		if wantCode(t, err, "storage_unavailable"); err == nil {
			f.Close()
		}
	}
	for path, code := range map[string]string{"Documents": "cannot_read_a_directory", "/": "cannot_read_a_directory", "Documents/none": "subject_does_not_exist", "/x": "subject_does_not_exist"} {
		_, err := w.Open(t.Context(), a, at(t, a, path))
		wantCode(t, err, code)
	}
}

// Where a file is, is remembered; what has changed since is not overlooked.
func TestWhatIsRememberedIsNeverOld(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.put(a, "Documents/f", "one")
	for range 5 {
		w.put(a, "Documents/f", "two")
		if got := w.get(a, "Documents/f"); got != "two" {
			t.Fatal(got)
		}
		w.put(a, "Documents/f", "three")
		if got := w.get(a, "Documents/f") + w.get(a, "Documents/f"); got != "threethree" {
			t.Fatal(got)
		}
	}
	for i := range 70 { // more than are remembered
		w.put(a, fmt.Sprintf("Documents/many/%d", i), fmt.Sprint(i))
	}
	for i := range 70 {
		name := fmt.Sprintf("Documents/many/%d", i)
		if got := w.get(a, name) + w.get(a, name); got != fmt.Sprintf("%d%d", i, i) {
			t.Fatal(got)
		}
	}
	if _, err := w.Rename(t.Context(), a, files.RenameRequest{Entry: at(t, a, "Documents/many"), NewName: "other"}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Open(t.Context(), a, at(t, a, "Documents/many/7"))
	wantCode(t, err, "subject_does_not_exist")
	if got := w.get(a, "Documents/other/7"); got != "7" {
		t.Fatal(got)
	}
	b := w.user(2)
	_, err = w.Open(t.Context(), b, at(t, a, "Documents/f"))
	wantCode(t, err, "subject_does_not_exist")
	if _, err := w.Delete(t.Context(), a, files.DeleteRequest{Entries: []files.Selector{at(t, a, "Documents/f")}}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Open(t.Context(), a, at(t, a, "Documents/f"))
	wantCode(t, err, "subject_does_not_exist")
}

// The folder of the last write is remembered; whatever has happened to it since counts.
func TestTheFolderWrittenToIsNeverAnOldOne(t *testing.T) {
	w := newWorld(t)
	a, b := w.user(1), w.user(2)
	admin := files.Actor{Wallet: b.Wallet, Admin: true}
	write := func(who files.Actor, s files.Selector, name string) (files.Entry, error) {
		t.Helper()
		if name != "" {
			var err error
			if s, err = s.Under(name); err != nil {
				t.Fatal(err)
			}
		}
		r, err := w.Write(t.Context(), who, files.WriteRequest{To: s, Overwrite: true, Size: int64(len(name))}, strings.NewReader(name))
		return r.Entry, err
	}
	good := func(who files.Actor, s files.Selector, name, path string) {
		t.Helper()
		if e, err := write(who, s, name); err != nil || !strings.HasSuffix(e.Path.String(), path) {
			t.Fatal(e.Path, err)
		}
		w.sound()
	}
	bad := func(who files.Actor, s files.Selector, name, code string) {
		t.Helper()
		_, err := write(who, s, name)
		wantCode(t, err, code)
	}
	d := w.mkdir(a, "Documents/d/e")
	byPath, byUID := at(t, a, "/"+a.Wallet.String()+"/Documents/d/e"), files.ByUID(d.UID)
	for range 2 { // the second finds what the first remembers
		for i, s := range []files.Selector{byPath, byUID} {
			good(a, s, fmt.Sprint(i), fmt.Sprint("/Documents/d/e/", i))
			good(admin, s, fmt.Sprint(i), fmt.Sprint("/Documents/d/e/", i))
			bad(b, s, fmt.Sprint(i), "dest_does_not_exist")
		}
	}
	if _, err := w.Rename(t.Context(), a, files.RenameRequest{Entry: at(t, a, "Documents/d"), NewName: "f"}); err != nil {
		t.Fatal(err)
	}
	bad(a, byPath, "2", "dest_does_not_exist")
	good(a, byUID, "2", "/Documents/f/e/2")
	good(a, at(t, a, "Documents/f/e"), "2", "/Documents/f/e/2")
	// Another folder takes the place that is remembered.
	if _, err := w.Move(t.Context(), a, files.MoveRequest{From: byUID, To: at(t, a, "Pictures")}); err != nil {
		t.Fatal(err)
	}
	other := w.mkdir(a, "Documents/f/e")
	good(a, at(t, a, "Documents/f/e"), "3", "/Documents/f/e/3")
	if w.names(a, other.UID) != "3" || w.names(a, "Pictures/e") != "0 1 2" {
		t.Fatal(w.names(a, other.UID), w.names(a, "Pictures/e"))
	}
	// A file with the name of the folder.
	if err := remove(w, a, other.UID); err != nil {
		t.Fatal(err)
	}
	bad(a, at(t, a, "Documents/f/e"), "4", "dest_does_not_exist")
	good(a, at(t, a, "Documents/f/e"), "", "/Documents/f/e")
	bad(a, at(t, a, "Documents/f/e"), "4", "dest_is_not_a_directory")
	// Another owner.
	good(a, byUID, "5", "/Pictures/e/5")
	if _, err := w.Move(t.Context(), admin, files.MoveRequest{From: byUID, To: at(t, b, "Videos")}); err != nil {
		t.Fatal(err)
	}
	bad(a, byUID, "6", "dest_does_not_exist")
	good(b, byUID, "6", "/Videos/e/6")
	// A write that fails, after it has changed the time of the folder, changes nothing.
	w.sleep(time.Hour)
	w.capacity = 3
	bad(b, byUID, "too long", "storage_limit_reached")
	w.capacity = files.Unlimited
	before := w.stat(b, "Videos/e").Modified
	good(b, byUID, "7", "/Videos/e/7")
	if after := w.stat(b, "Videos/e").Modified; after != before+3600 {
		t.Fatal(before, after)
	}
}
