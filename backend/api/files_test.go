package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pc2/backend/auth"
	"pc2/backend/files"
)

func data(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return b
}

func (v *visitor) write(path string, b []byte, more ...func(*http.Request)) answer {
	v.h.t.Helper()
	return v.do("PUT", "/write?path="+path, bytes.NewReader(b), more...)
}

func TestWriteReadStory(t *testing.T) {
	h := start(t)
	o := h.owner()
	home := "/" + o.key.address().String()
	for _, n := range []int{0, 1, 65519, 65520, 65521, 1 << 20, 5<<20 + 7} {
		b := data(n, uint64(n))
		path := fmt.Sprintf("~/Documents/f%d.bin", n)
		e := o.write(path, b).want(200).object()
		if e["success"] != true || e["size"] != float64(n) || e["path"] != fmt.Sprintf("%s/Documents/f%d.bin", home, n) || e["is_dir"] != false || e["ipfs_hash"] == "" {
			t.Fatalf("entry %v", e)
		}
		a := o.get("/read?path=" + path).want(200)
		if !bytes.Equal(a.body, b) || a.header.Get("ETag") != fmt.Sprintf("%q", e["ipfs_hash"]) || a.header.Get("Accept-Ranges") != "bytes" {
			t.Fatalf("%d bytes came back different, %v", n, a.header)
		}
		if a := o.do("HEAD", "/read?path="+path, nil).want(200); a.header.Get("Content-Length") != fmt.Sprint(n) || len(a.body) != 0 {
			t.Fatal("HEAD", a.header)
		}
		o.get("/read?path="+path, with("If-None-Match", a.header.Get("ETag"))).want(304)
	}
}

func TestReadForms(t *testing.T) {
	h := start(t)
	o := h.owner()
	b := data(3<<20, 1)
	e := o.write("~/a.html", b).want(200).object()
	etag := fmt.Sprintf("%q", e["ipfs_hash"])
	part := func(r string, more ...func(*http.Request)) answer {
		t.Helper()
		return o.get("/read?path=~/a.html", append(more, with("Range", r))...)
	}
	for r, want := range map[string][]byte{"bytes=0-0": b[:1], "bytes=65519-65520": b[65519:65521], "bytes=1000000-2000000": b[1000000:2000001], "bytes=-5": b[len(b)-5:], "bytes=3145000-": b[3145000:]} {
		a := part(r).want(206)
		if !bytes.Equal(a.body, want) || a.header.Get("Content-Range") == "" {
			t.Errorf("%s: %d bytes, %v", r, len(a.body), a.header)
		}
	}
	if a := part("bytes=9999999-").want(416, "range_not_satisfiable"); a.header.Get("Content-Range") != fmt.Sprintf("bytes */%d", len(b)) {
		t.Error(a.header)
	}
	if a := part("bytes=0-1,5-6").want(206); !strings.HasPrefix(a.header.Get("Content-Type"), "multipart/byteranges") || !bytes.Contains(a.body, b[5:7]) {
		t.Error(a.header)
	}
	part("bytes=0-1", with("If-Range", etag)).want(206)
	if a := part("bytes=0-1", with("If-Range", `"other"`)).want(200); len(a.body) != len(b) {
		t.Error("If-Range of another version")
	}
	part("bytes=0-1", with("If-Match", `"other"`)).want(412, "version_conflict")

	if a := o.get("/read?file=~/a.html").want(200); a.header.Get("Content-Type") != "application/octet-stream" {
		t.Error(a.header)
	}
	a := o.get("/read?uid=" + e["uid"].(string)).want(200)
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "sandbox;") || a.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Error(a.header)
	}
	if a := o.get("/read?path=~/a.html&download=1").want(200); !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment; filename*=UTF-8''a.html") {
		t.Error(a.header)
	}
	if a := o.get("/read?path=~/a.html&offset=10&byte_count=5").want(200); !bytes.Equal(a.body, b[10:15]) {
		t.Error("offset")
	}
	o.get("/read?path=~/a.html&offset=-1").want(416)
	if a := o.get("/read?path=~/a.html&encoding=base64").want(200); string(a.body) != base64.StdEncoding.EncodeToString(b) {
		t.Error("base64")
	}
	if a := o.post("/read", map[string]any{"path": "~/a.html"}).want(200); !bytes.Equal(a.body, b) {
		t.Error("POST")
	}
	o.get("/read?path=~/a.html&encoding=rot13").want(400, "field_invalid")
	o.get("/read?path=~/none").want(404, "subject_does_not_exist")
	o.get("/read?path=~/Documents").want(400, "cannot_read_a_directory")
	o.get("/read").want(400, "field_missing")
}

func TestWriteForms(t *testing.T) {
	h := start(t)
	o := h.owner()
	read := func(path, want string) {
		t.Helper()
		if a := o.get("/read?path=" + path).want(200); string(a.body) != want {
			t.Errorf("%s: %.80q, want %.80q", path, a.body, want)
		}
	}
	o.post("/write", map[string]any{"path": "~/j.txt", "content": "grüß"}).want(200)
	read("~/j.txt", "grüß")
	o.post("/write", map[string]any{"path": "~/j.bin", "content": "AAECAw==", "encoding": "base64"}).want(200)
	read("~/j.bin", "\x00\x01\x02\x03")
	o.post("/write", map[string]any{"path": "~/j.bin", "content": "%%%", "encoding": "base64"}).want(400, "field_invalid")
	o.post("/write", map[string]any{"path": "~/j.bin"}).want(400, "field_missing")
	o.post("/write", map[string]any{"content": "x"}).want(400, "field_missing")
	o.do("PUT", "/write?path=~/raw.json", strings.NewReader(`{"path":"~/other"}`), with("Content-Type", "application/json")).want(200)
	read("~/raw.json", `{"path":"~/other"}`)
	o.do("POST", "/write?path=~/raw.txt", strings.NewReader(`{`), with("Content-Type", "text/plain")).want(200)
	read("~/raw.txt", `{`)

	form := func(fields [][2]string, name string, content string) (string, io.Reader) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for _, f := range fields {
			w.WriteField(f[0], f[1])
		}
		if name != "" {
			p, _ := w.CreateFormFile("file", name)
			io.WriteString(p, content)
		}
		w.Close()
		return w.FormDataContentType(), &b
	}
	send := func(v *visitor, fields [][2]string, name, content string) answer {
		t.Helper()
		kind, body := form(fields, name, content)
		return v.do("POST", "/write", body, with("Content-Type", kind))
	}
	send(o, [][2]string{{"path", "~/t.txt"}, {"content", "text"}}, "", "").want(200)
	read("~/t.txt", "text")
	send(o, [][2]string{{"path", "~/Documents"}}, "up.txt", "up").want(200)
	read("~/Documents/up.txt", "up")
	if e := send(o, [][2]string{{"path", "~/Documents"}}, "up.txt", "again").want(409, "item_with_same_name_exists"); e.object()["entry_name"] != "up.txt" {
		t.Error(string(e.body))
	}
	send(o, [][2]string{{"path", "~/Documents"}, {"overwrite", "true"}, {"name", "up.txt"}}, "zzz", "over").want(200)
	read("~/Documents/up.txt", "over")
	if e := send(o, [][2]string{{"path", "~/Documents"}, {"dedupe_name", "1"}}, "up.txt", "dup").want(200); e.object()["name"] != "up (1).txt" {
		t.Error(string(e.body))
	}
	send(h.visitor(), [][2]string{{"auth_token", o.token}, {"path", "~/in-form.txt"}}, "x", "y").want(200)
	send(h.visitor(), [][2]string{{"path", "~/in-form.txt"}}, "x", "y").want(401, "token_missing")
	send(o, nil, "x", "y").want(400, "field_missing")
}

func TestWriteConditions(t *testing.T) {
	h := start(t)
	o := h.owner()
	e := o.write("~/a", []byte("1")).want(200).object()
	first := fmt.Sprintf("%q", e["ipfs_hash"])
	e2 := o.write("~/a", []byte("2"), with("If-Match", first)).want(200).object()
	if e2["uid"] != e["uid"] || e2["created"] != e["created"] {
		t.Error("an overwrite made a new entry")
	}
	o.write("~/a", []byte("3"), with("If-Match", first)).want(412, "version_conflict")
	o.write("~/new", []byte("3"), with("If-Match", "*")).want(412, "version_conflict")
	o.write("~/a&overwrite=false", []byte("3")).want(409, "item_with_same_name_exists")
	if o.write("~/a&dedupe_name=true", []byte("3")).want(200).object()["name"] != "a (1)" {
		t.Error("dedupe")
	}
	o.write("~/x/y/z", []byte("3")).want(200)
	o.write("~/q/y/z&create_missing_parents=false", []byte("3")).want(404, "dest_does_not_exist")
	o.write("~/a/b", []byte("3")).want(400, "dest_is_not_a_directory")
	o.write("~/Documents", []byte("3")).want(409, "cannot_overwrite_a_directory")
	o.write("/x", []byte("3")).want(400, "cannot_write_to_root")
	o.post("/write", map[string]any{"path": "/", "content": ""}).want(400)
	for _, p := range []string{"~/../../etc", "~/%00", "~/a%0Ab", "~/" + strings.Repeat("x", 256), "~/" + strings.Repeat("d/", 129) + "x", "~/" + strings.Repeat("%E4%B8%AD", 334), "~/%FF"} {
		if a := o.write(p, nil); a.status != 400 && a.status != 404 || a.object()["code"] == nil {
			t.Errorf("%.40q: %d %s", p, a.status, a.body)
		}
	}
	if e := o.write("~/..%252f..%252fetc", nil).want(200).object(); e["name"] != "..%2f..%2fetc" || e["dirname"] != "/"+o.key.address().String() {
		t.Error("an encoded slash is a name like any other", e)
	}
}

func TestDigests(t *testing.T) {
	h := start(t)
	o := h.owner()
	b := data(200_000, 3)
	sum := sha256.Sum256(b)
	mine := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	if a := o.write("~/a", b, with("Want-Repr-Digest", "sha-256=10")).want(200); a.header.Get("Repr-Digest") != mine {
		t.Error(a.header)
	}
	o.write("~/b", b, with("Repr-Digest", mine)).want(200)
	b[5]++
	o.write("~/c", b, with("Repr-Digest", mine)).want(400, "digest_mismatch")
	o.get("/stat?path=~/c").want(404)
	o.write("~/c", b, with("Repr-Digest", "sha-256=:AA==:")).want(400, "field_invalid")
	o.write("~/c", b, with("Repr-Digest", "((")).want(400, "field_invalid")
	o.write("~/c", b, with("Repr-Digest", "sha-512=:AA==:")).want(200)
	trailer := func(v string) answer {
		return o.do("PUT", "/write?path=~/t", io.MultiReader(bytes.NewReader(b)), func(r *http.Request) {
			r.Trailer = http.Header{"Repr-Digest": {v}}
		})
	}
	trailer(mine).want(400, "digest_mismatch")
	sum = sha256.Sum256(b)
	trailer("sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":").want(200)
}

func TestTreeStory(t *testing.T) {
	h := start(t)
	o := h.owner()
	home := "/" + o.key.address().String()
	names := func(path string) (out []string) {
		t.Helper()
		for _, e := range o.post("/readdir", map[string]any{"path": path}).want(200).list() {
			out = append(out, e["name"].(string))
		}
		return out
	}
	if got := strings.Join(names("~"), " "); got != "AppData Desktop Documents Pictures Public Trash Videos" {
		t.Fatal(got)
	}
	d := o.post("/mkdir", map[string]any{"path": "~/Documents/Fotos"}).want(200).object()
	if again := o.post("/mkdir", map[string]any{"path": "Fotos", "parent": "~/Documents"}).want(200).object(); again["uid"] != d["uid"] {
		t.Error("mkdir twice made two")
	}
	if o.post("/mkdir", map[string]any{"path": "/Fotos", "parent": map[string]any{"path": "~/Documents"}, "dedupe_name": true}).want(200).object()["name"] != "Fotos (1)" {
		t.Error("dedupe")
	}
	o.post("/mkdir", map[string]any{"path": "~/no/way"}).want(404, "dest_does_not_exist")
	o.post("/mkdir", map[string]any{"path": "~/no/way", "create_missing_parents": true}).want(200)
	o.post("/mkdir", map[string]any{"path": ""}).want(400, "field_missing")
	o.post("/mkdir", map[string]any{"path": "/beside"}).want(403, "cannot_write_to_root")
	o.write("~/Documents/Fotos/é.jpg", []byte("jpg")).want(200)
	o.get("/stat?path=~/Documents/Fotos/e%CC%81.jpg").want(200) // NFD of the same name
	o.write("~/Documents/file", []byte("f")).want(200)
	o.post("/mkdir", map[string]any{"path": "~/Documents/file"}).want(409, "item_with_same_name_exists")

	m := o.post("/move", map[string]any{"source": "~/Documents/Fotos", "destination": "~/Pictures", "new_name": "Album"}).want(200).object()
	if m["old_path"] != home+"/Documents/Fotos" || m["moved"].(map[string]any)["path"] != home+"/Pictures/Album" || m["moved"].(map[string]any)["uid"] != d["uid"] {
		t.Fatal(m)
	}
	o.get("/read?path=~/Pictures/Album/é.jpg").want(200)
	o.get("/stat?path=~/Documents/Fotos").want(404, "subject_does_not_exist")
	o.post("/move", map[string]any{"source": "~/Pictures/Album", "destination": "~/Pictures/Album"}).want(400, "cannot_move_directory_into_itself")
	o.post("/move", map[string]any{"source": "~/Desktop", "destination": "~/Pictures"}).want(403, "forbidden")
	o.post("/move", map[string]any{"from": "~/Documents/file", "to": "~/Pictures/file2"}).want(200)
	o.post("/move", map[string]any{"items": []any{map[string]any{"path": "~/Pictures/file2"}}, "destination": "~/Desktop"}).want(200)
	o.post("/move", map[string]any{"source": "~/none", "destination": "~"}).want(404, "subject_does_not_exist")
	o.post("/move", map[string]any{"source": "~/Desktop/file2", "destination": "~/none/x"}).want(404, "dest_does_not_exist")

	c := o.post("/copy", map[string]any{"source": "~/Pictures/Album", "destination": "~/Desktop"}).want(200).list()
	if c[0]["copied"].(map[string]any)["path"] != home+"/Desktop/Album" {
		t.Fatal(c)
	}
	if a := o.get("/read?path=~/Desktop/Album/é.jpg").want(200); string(a.body) != "jpg" {
		t.Error("copy")
	}
	o.post("/copy", map[string]any{"source": "~/Desktop/Album", "destination": "~/Desktop/Album"}).want(400, "cannot_copy_directory_into_itself")
	o.post("/copy", map[string]any{"source": "~/Pictures/Album", "destination": "~/Desktop"}).want(409, "item_with_same_name_exists")

	r := o.post("/rename", map[string]any{"path": "~/Desktop/Album", "new_name": "B"}).want(200).object()
	if r["old_path"] != home+"/Desktop/Album" || r["name"] != "B" || r["success"] != true {
		t.Error(r)
	}
	o.post("/rename", map[string]any{"path": "~/Desktop/B", "new_name": "file2"}).want(409, "item_with_same_name_exists")
	o.post("/rename", map[string]any{"path": "~/Desktop/B", "new_name": "a/b"}).want(400, "field_invalid")
	o.post("/delete", map[string]any{"path": "~/Desktop/B", "recursive": false}).want(409, "conflict")
	o.post("/delete", map[string]any{"paths": []any{"~/Desktop/B", "~/none"}}).want(404, "subject_does_not_exist")
	o.get("/stat?path=~/Desktop/B").want(200)
	o.post("/delete", map[string]any{"paths": []any{"~/Desktop/B", map[string]any{"path": "~/Desktop/file2"}}}).want(200)
	if got := names("~/Desktop"); len(got) != 0 {
		t.Error(got)
	}
	o.post("/delete", map[string]any{"path": "~/Public"}).want(403, "forbidden")
	o.post("/touch", map[string]any{"path": "~/t"}).want(200)
	if o.get("/stat?path=~/Pictures&return_size=true").want(200).object()["size"] != float64(3) {
		t.Error("size of a folder")
	}
	df := o.get("/df").want(200).object()
	if df["used"] != float64(3) || df["capacity"].(float64) <= 0 {
		t.Error(df)
	}
	if ts := o.get("/cache/last-change-timestamp").want(200).object()["timestamp"].(float64); ts < 1e12 {
		t.Error(ts)
	}
}

func TestListing(t *testing.T) {
	h := start(t)
	o := h.owner()
	for i := range 25 {
		o.write(fmt.Sprintf("~/L/%02d.txt", i), make([]byte, i)).want(200)
	}
	if got := o.get("/readdir?path=~/L&limit=10").want(200).list(); len(got) != 10 || got[0]["name"] != "00.txt" {
		t.Fatal(len(got))
	}
	var all []string
	cursor := any(nil)
	for {
		p := o.post("/readdir", map[string]any{"path": "~/L", "cursor": cursor, "limit": 7, "includeTotal": true, "sortBy": "size", "sortOrder": "desc"}).want(200).object()
		if p["total"] != float64(25) {
			t.Fatal(p["total"])
		}
		for _, e := range p["items"].([]any) {
			all = append(all, e.(map[string]any)["name"].(string))
		}
		if p["cursor"] == nil {
			break
		}
		cursor = p["cursor"]
	}
	if len(all) != 25 || all[0] != "24.txt" || all[24] != "00.txt" {
		t.Fatal(all)
	}
	o.post("/readdir", map[string]any{"path": "~/L", "cursor": "!!", "limit": 7}).want(400)
	o.post("/readdir", map[string]any{"path": "~/L", "limit": 5000}).want(400, "field_invalid")
	o.post("/readdir", map[string]any{"path": "~/L/00.txt"}).want(400, "dest_is_not_a_directory")
	o.post("/readdir", map[string]any{"path": "~/none"}).want(404, "subject_does_not_exist")
	o.post("/readdir", map[string]any{}).want(400, "field_missing")
	if a := o.get("/readdir?path=~/L", with("Accept-Encoding", "gzip")).want(200); a.header.Get("Content-Encoding") != "gzip" {
		t.Error(a.header)
	}
	root := o.get("/stat?path=/").want(200).object()
	if root["uid"] != files.RootUID || root["writable"] != false {
		t.Error(root)
	}
	o.post("/mkdir", map[string]any{"path": "~/L/full/empty", "create_missing_parents": true}).want(200)
	for path, want := range map[string][2]bool{"~/L/full": {false, true}, "~/L": {false, false}, "~": {true, true}} { // of the first entry: immutable, is_empty
		e := o.get("/readdir?path=" + path + "&sortBy=type").want(200).list()[0]
		if e["is_dir"] != true || e["immutable"] != want[0] || e["is_empty"] != want[1] {
			t.Errorf("%s: %v", path, e)
		}
	}
	if got := o.get("/readdir?path=/").want(200).list(); len(got) != 1 || got[0]["name"] != o.key.address().String() {
		t.Error(got)
	}
}

// More entries than are read at a time: they are sent while the rest is read.
func TestLongListing(t *testing.T) {
	h := start(t)
	o := h.owner()
	const n = 1300
	for i := range n {
		o.write(fmt.Sprintf("~/L/%04d.txt", i), []byte("x")).want(200)
	}
	names := func(b []byte) {
		t.Helper()
		var items []struct{ Name string }
		if err := json.Unmarshal(b, &items); err != nil || len(items) != n {
			t.Fatal(len(items), err)
		}
		for i, e := range items {
			if e.Name != fmt.Sprintf("%04d.txt", i) {
				t.Fatal(i, e.Name)
			}
		}
	}
	names(o.get("/readdir?path=~/L").want(200).body)
	z, err := gzip.NewReader(bytes.NewReader(o.get("/readdir?path=~/L", with("Accept-Encoding", "gzip")).want(200).body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	names(b)
	// Clients that leave in the midst of it hold nothing up.
	for range 20 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+"/readdir?path=~/L", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+o.token)
		res, err := o.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.CopyN(io.Discard, res.Body, 1000)
		res.Body.Close()
	}
	names(o.get("/readdir?path=~/L").want(200).body)
}

// A listing that breaks in the midst of it leaves no goroutine that still writes
// to the answer, and is never taken for a whole one.
func TestListingThatBreaks(t *testing.T) {
	for _, broken := range []struct {
		name string
		rest func(l *listing) error
	}{
		{"an error", func(l *listing) error { return l.end(files.Page{}, io.ErrUnexpectedEOF) }},
		{"a panic", func(*listing) error { panic("a bug") }},
	} {
		t.Run(broken.name, func(t *testing.T) {
			h := start(t)
			l := &listing{}
			ended := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				c := &call{Request: r, w: &recorder{ResponseWriter: w}, s: h.api}
				l.c = c
				c.serve(func(*call) error {
					defer l.abandon()
					l.add([]files.Entry{{Name: "first"}, {Name: "second"}, {Name: "third"}})
					return broken.rest(l)
				})
			}))
			defer srv.Close()
			res, err := srv.Client().Get(srv.URL)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Fatal("taken for a whole answer")
			}
			<-ended
			if !l.ended {
				t.Fatal("it is still being sent")
			}
		})
	}
}

func TestOthersHomesAreHidden(t *testing.T) {
	h := start(t)
	o := h.owner()
	m := h.member(o, auth.Member)
	adm := h.member(o, auth.Admin)
	e := o.write("~/Documents/mine.txt", []byte("secret")).want(200).object()
	path := e["path"].(string)
	for _, a := range []answer{
		m.get("/stat?path=" + path), m.get("/read?path=" + path), m.get("/read?uid=" + e["uid"].(string)), m.get("/readdir?path=" + e["dirname"].(string)),
		m.write(path, []byte("x")), m.post("/delete", map[string]any{"path": path}), m.post("/move", map[string]any{"source": path, "destination": "~"}),
		m.post("/copy", map[string]any{"source": path, "destination": "~"}), m.post("/rename", map[string]any{"uid": e["uid"], "new_name": "x"}),
	} {
		a.want(404)
	}
	if a := adm.get("/read?path=" + path).want(200); string(a.body) != "secret" {
		t.Error("an admin reads")
	}
	if got := m.get("/readdir?path=/").want(200).list(); len(got) != 1 {
		t.Error("a member sees", got)
	}
}

// Two writers of one file: one after the other, never a mixture.
func TestTwoWritersOfOneFile(t *testing.T) {
	h := start(t)
	o := h.owner()
	bodies := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range bodies {
		bodies[i] = bytes.Repeat([]byte{byte('a' + i)}, 300_000+i)
		wg.Go(func() { o.write("~/same.bin", bodies[i]) })
	}
	wg.Wait()
	got := o.get("/read?path=~/same.bin").want(200).body
	for _, b := range bodies {
		if bytes.Equal(b, got) {
			return
		}
	}
	t.Fatalf("%d bytes that nobody wrote", len(got))
}

// A flipped bit ends the body; it is never sent.
func TestDamagedFile(t *testing.T) {
	h := start(t)
	o := h.owner()
	b := data(2<<20, 9)
	o.write("~/big", b).want(200)
	var object string
	deadline := time.Now().Add(10 * time.Second)
	for object == "" && time.Now().Before(deadline) {
		found, _ := filepath.Glob(filepath.Join(h.dir, "objects", "??", "*"))
		if len(found) == 1 {
			object = found[0]
		}
	}
	raw, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	raw[1<<20] ^= 1
	if err := os.WriteFile(object, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(context.Background(), "GET", h.url+"/read?path=~/big", nil)
	req.Header.Set("Authorization", "Bearer "+o.token)
	res, err := o.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err == nil || len(got) >= len(b) || !bytes.Equal(got, b[:len(got)]) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

// No secret, name or content in the log, and none in clear on the disk.
func TestNothingSecretIsLeft(t *testing.T) {
	h := start(t)
	code := h.auth.ClaimCode().Reveal()
	o := h.owner()
	marker := "Kennwort-im-Klartext-4711"
	o.write("~/klein.txt", []byte(strings.Repeat(marker, 3))).want(200)
	o.write("~/gross.txt", bytes.Repeat([]byte(marker), 20_000)).want(200)
	o.get("/read?path=~/gross.txt").want(200)
	o.get("/read?path=~/damaged-" + marker)
	h.stop()
	secrets := []string{o.token, code, strings.ReplaceAll(code, "-", ""), marker}
	for _, s := range secrets {
		if strings.Contains(h.logs.String(), s) {
			t.Errorf("the log holds %q", s)
		}
	}
	err := filepath.WalkDir(h.dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s holds %q", p, s)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzAppendText(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\</script>\u2028\x00é")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("names in the tree are valid UTF-8")
		}
		var got string
		if err := json.Unmarshal(appendText(nil, s), &got); err != nil || got != s {
			t.Fatalf("%q became %q: %v", s, got, err)
		}
	})
}

func FuzzDecodeObject(f *testing.F) {
	f.Add([]byte(`{"a":1}`))
	f.Add([]byte(`[1,{}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeObject(b); err == nil && m == nil {
			t.Fatal("neither a value nor an error")
		}
	})
}

func FuzzHostOnly(f *testing.F) {
	f.Add("localhost:4200")
	f.Add("[::1]:1")
	f.Fuzz(func(t *testing.T, s string) {
		if h, ok := hostOnly(s); ok && strings.ContainsAny(h, "/@ \r\n#?") {
			t.Fatalf("%q became host %q", s, h)
		}
	})
}

func FuzzReprDigest(f *testing.F) {
	f.Add("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := reprDigest([]string{s}); err == nil && b != nil && len(b) != 32 {
			t.Fatal(len(b))
		}
	})
}
