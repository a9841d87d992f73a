package files_test

import (
	"errors"
	"strings"
	"testing"

	"pc2/backend/files"
)

// A file that follows another into a folder is inserted without a look for its name.
// Where there is one, all is as if it had been looked for.
func TestWriteTakenName(t *testing.T) {
	w := newWorld(t)
	a := w.user(1)
	w.mkdir(a, "Documents/folder")
	old := w.put(a, "Documents/old", "1")
	for _, c := range []struct {
		name string
		req  files.WriteRequest
		want string // path that is written
		err  error
	}{
		{"overwritten", files.WriteRequest{To: at(t, a, "Documents/old"), Overwrite: true}, "old", nil},
		{"kept", files.WriteRequest{To: at(t, a, "Documents/old")}, "", files.ErrExists},
		{"another name", files.WriteRequest{To: at(t, a, "Documents/old"), DedupeName: true}, "old (1)", nil},
		{"a folder", files.WriteRequest{To: at(t, a, "Documents/folder"), Overwrite: true}, "", files.ErrOverFolder},
		{"a folder, another name", files.WriteRequest{To: at(t, a, "Documents/folder"), DedupeName: true}, "folder (1)", nil},
		{"into a folder", files.WriteRequest{To: at(t, a, "Documents/folder"), Name: "inside"}, "folder/inside", nil},
		{"another content", files.WriteRequest{To: at(t, a, "Documents/old"), Overwrite: true, ExpectETag: `"x"`}, "", files.ErrStale},
		{"no content", files.WriteRequest{To: at(t, a, "Documents/none"), Overwrite: true, ExpectETag: "*"}, "", files.ErrStale},
	} {
		w.put(a, "Documents/"+strings.ReplaceAll(c.name, " ", "_"), "") // so that the next one is a guess
		before := w.countObjects()
		c.req.Size = 1 // small: nothing is looked for before the transaction
		r, err := w.Write(t.Context(), a, c.req, strings.NewReader("2"))
		if c.err != nil {
			if !errors.Is(err, c.err) {
				t.Errorf("%s: %v, want %v", c.name, err, c.err)
			}
			if n := w.countObjects(); n != before {
				t.Errorf("%s: %d objects stay", c.name, n-before)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := r.Path.String(); !strings.HasSuffix(got, "/Documents/"+c.want) || r.Size != 1 {
			t.Errorf("%s: %s of %d bytes", c.name, got, r.Size)
		}
		if c.want == "old" && (r.UID != old.UID || !r.Updated) {
			t.Errorf("%s: another file", c.name)
		}
	}
	w.sound()
}
