package files_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pc2/backend/files"
	"pc2/backend/store"
)

func TestList(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	for i, f := range []struct{ name, body string }{{"b.txt", "12345"}, {"a.json", "1"}, {"C.txt", "123"}, {"d.png", "123"}, {"e", ""}} {
		w.sleep(time.Second)
		w.put(a, "Documents/"+f.name, f.body)
		_ = i
	}
	w.mkdir(a, "Documents/full/child")
	w.mkdir(a, "Documents/void")
	list := func(o files.ListOptions) files.Page {
		t.Helper()
		p, err := w.List(t.Context(), a, at(t, a, "Documents"), o)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	// Equal keys are in the order of names; names by their bytes, so capitals first.
	for _, c := range []struct {
		by   string
		want string
	}{
		{"", "C.txt a.json b.txt d.png e full void"},
		{"name", "C.txt a.json b.txt d.png e full void"},
		{"size", "e full void a.json C.txt d.png b.txt"},
		{"type", "full void a.json e d.png C.txt b.txt"},
		{"modified", "b.txt a.json C.txt d.png e full void"},
	} {
		if got := join(list(files.ListOptions{SortBy: c.by}).Items); got != c.want {
			t.Errorf("by %q: %s", c.by, got)
		}
		back := strings.Fields(c.want)
		slices.Reverse(back)
		if got := join(list(files.ListOptions{SortBy: c.by, Desc: true}).Items); c.by != "" && got != strings.Join(back, " ") {
			t.Errorf("by %q, descending: %s", c.by, got)
		}
		// The same in pages, while what lies behind is being deleted and the next is not.
		for _, desc := range []bool{false, true} {
			var got []string
			cursor := ""
			for range 5 {
				p := list(files.ListOptions{SortBy: c.by, Desc: desc && c.by != "", Limit: 2, Cursor: cursor, Total: true})
				if p.Total != 7 {
					t.Fatal("total", p.Total)
				}
				got = append(got, strings.Fields(join(p.Items))...)
				if cursor = p.Next; cursor == "" {
					break
				}
			}
			want := strings.Fields(c.want)
			if desc && c.by != "" {
				want = back
			}
			if !slices.Equal(got, want) {
				t.Errorf("by %q in pages: %v", c.by, got)
			}
		}
	}
	p := list(files.ListOptions{})
	home, err := w.List(t.Context(), a, at(t, a, "~"), files.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Concat(p.Items, home.Items) {
		s := w.stat(a, e.UID)
		if fmt.Sprintf("%+v", s) != fmt.Sprintf("%+v", e) {
			t.Errorf("listed\n%+v, but stat says\n%+v", e, s)
		}
		if e.Name == "void" && !e.Empty || e.Name == "full" && e.Empty || e.Public != (e.Name == "Public") {
			t.Error(e.Name, e.Empty)
		}
	}
	if got := join(list(files.ListOptions{Limit: 2, Offset: 3}).Items); got != "d.png e" {
		t.Error(got)
	}
	if got := join(list(files.ListOptions{Offset: 6}).Items); got != "void" {
		t.Error(got)
	}
	if p := list(files.ListOptions{Limit: 7}); p.Next != "" || len(p.Items) != 7 {
		t.Error("a next page of nothing")
	}
	if p := list(files.ListOptions{Offset: 99}); len(p.Items) != 0 || p.Next != "" {
		t.Error("beyond the end")
	}
}

func TestListCursorSurvivesDeletion(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	for _, n := range "abcdef" {
		w.put(a, "Documents/"+string(n), "x")
	}
	for _, by := range []string{"name", "size", "modified", "type"} {
		p, err := w.List(t.Context(), a, at(t, a, "Documents"), files.ListOptions{Limit: 2, SortBy: by})
		if err != nil || join(p.Items) != "a b" {
			t.Fatal(p, err)
		}
		if err := remove(w, a, "Documents/b"); err != nil { // where the cursor stands
			t.Fatal(err)
		}
		w.put(a, "Documents/aa", "x") // behind it
		p, err = w.List(t.Context(), a, at(t, a, "Documents"), files.ListOptions{Limit: 2, SortBy: by, Cursor: p.Next})
		if err != nil || join(p.Items) != "c d" {
			t.Fatal(by, join(p.Items), err)
		}
		if err := remove(w, a, "Documents/aa"); err != nil {
			t.Fatal(err)
		}
		w.put(a, "Documents/b", "x")
	}
}

func TestListIsRefused(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.put(a, "Documents/a", "x")
	w.put(a, "Documents/b", "x")
	p, err := w.List(t.Context(), a, at(t, a, "Documents"), files.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path string
		o    files.ListOptions
		code string
	}{
		"a file":            {"Documents/a", files.ListOptions{}, "dest_is_not_a_directory"},
		"nothing":           {"Documents/c", files.ListOptions{}, "subject_does_not_exist"},
		"sort":              {"Documents", files.ListOptions{SortBy: "color"}, "field_invalid"},
		"cursor":            {"Documents", files.ListOptions{Cursor: "x"}, "field_invalid"},
		"cursor and offset": {"Documents", files.ListOptions{Cursor: p.Next, Offset: 1}, "bad_request"},
		"other order":       {"Documents", files.ListOptions{Cursor: p.Next, SortBy: "size"}, "bad_request"},
		"other direction":   {"Documents", files.ListOptions{Cursor: p.Next, SortBy: "name", Desc: true}, "bad_request"},
		"negative":          {"Documents", files.ListOptions{Limit: -1}, "bad_request"},
		"cursor alone":      {"Documents", files.ListOptions{Cursor: p.Next}, ""},
	} {
		_, err := w.List(t.Context(), a, at(t, a, c.path), c.o)
		if wantCode(t, err, c.code); t.Failed() {
			t.Fatal(name)
		}
	}
}

// A folder that says how it wants to be sorted, and entries that say how they are shown.
func TestListOfAFolderWithItsOwnOrder(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.put(a, "Documents/a", "12345")
	w.put(a, "Documents/b", "1")
	m := `{"quote":"\"","unicode":"é"}`
	err := w.db.Write(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Exec("UPDATE entries SET sort_by = 'size', sort_order = 'desc' WHERE name = 'Documents'"); err != nil {
			return err
		}
		_, err := tx.Exec("UPDATE entries SET metadata = ?, layout = 'icons' WHERE name = 'a'", m)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.List(t.Context(), a, at(t, a, "Documents"), files.ListOptions{Limit: 1})
	if err != nil || join(p.Items) != "a" || *p.Items[0].Metadata != m || *p.Items[0].Layout != "icons" || p.Items[0].SortBy != nil {
		t.Fatal(p, err)
	}
	if p, err = w.List(t.Context(), a, at(t, a, "Documents"), files.ListOptions{Cursor: p.Next}); err != nil || join(p.Items) != "b" {
		t.Fatal(p, err)
	}
	if p, err = w.List(t.Context(), a, at(t, a, "Documents"), files.ListOptions{SortBy: "name"}); err != nil || join(p.Items) != "a b" {
		t.Fatal(p, err)
	}
}

func TestListOfMany(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	folder := w.many(a, 3000)
	s := files.ByUID(folder.UID)
	all, err := w.List(t.Context(), a, s, files.ListOptions{SortBy: "modified", Total: true})
	if err != nil || len(all.Items) != 3000 || all.Total != 3000 {
		t.Fatal(len(all.Items), all.Total, err)
	}
	var paged []files.Entry
	for cursor := ""; ; {
		p, err := w.List(t.Context(), a, s, files.ListOptions{SortBy: "modified", Limit: 1 + rand.IntN(500), Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		paged = append(paged, p.Items...)
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if join(paged) != join(all.Items) {
		t.Fatal("pages do not add up")
	}
}

func TestSizeOfFolders(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.put(a, "Documents/a/1", "12345")
	w.put(a, "Documents/a/b/2", "123")
	w.put(a, "Pictures/3", "1")
	for path, want := range map[string]int64{"~": 9, "Documents": 8, "Documents/a/b": 3, "Documents/a/1": 5, "Videos": 0, "/": 0} {
		e, err := w.Stat(t.Context(), a, at(t, a, path), files.StatOptions{Size: true})
		if err != nil || e.Size != want {
			t.Errorf("%s: %d, want %d (%v)", path, e.Size, want, err)
		}
	}
}
