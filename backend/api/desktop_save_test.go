package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/fault"
)

// slow is a disk that takes its time.
type slow struct {
	ctx context.Context
	w   io.Writer
	d   time.Duration
}

func (s *slow) Write(b []byte) (int, error) {
	if s.d > 0 {
		select {
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		case <-time.After(s.d):
		}
	}
	return s.w.Write(b)
}

// lines are the answer to a file that took long enough to be told about.
func lines(t *testing.T, body []byte) (out []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(body) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		out = append(out, m)
	}
	return out
}

// The window saves a file on this PC; nobody else does.
func TestSave(t *testing.T) {
	h, p := withProgram(t)
	o := h.owner()
	content := strings.Repeat("Frühling ", 30_000)
	o.write("~/a.txt", []byte(content)).want(200)
	ask := map[string]any{"path": "~/a.txt"}
	o.post("/desktop/save", ask).want(403, "forbidden") // a browser, signed in
	o.post("/desktop/reveal", map[string]any{"name": "a.txt"}).want(403, "forbidden")
	w := h.visitor().page()
	w.in("/")
	w.post("/desktop/save", ask).want(401, "token_missing") // the window, not signed in
	w.post("/desktop/reveal", map[string]any{"name": "a.txt"}).want(401, "token_missing")
	w.login(o.key, nil).want(200)
	w.post("/desktop/save", ask, with("Origin", "https://evil.example")).want(403)
	w.post("/desktop/save", ask, with("X-Forwarded-For", "192.0.2.1")).want(403, "forbidden")

	if a := w.post("/desktop/save", ask).want(200).object(); a["name"] != "a.txt" || a["folder"] != "Downloads" || len(a) != 2 {
		t.Fatal(a)
	}
	if got := <-p.saved; got != "a.txt:"+content {
		t.Fatal("another file was saved:", len(got))
	}
	w.post("/desktop/reveal", map[string]any{"name": "a.txt"}).want(200)
	if got := <-p.opened; got != "a.txt" {
		t.Fatal(got)
	}
	w.post("/desktop/save", map[string]any{"path": "~/none"}).want(404, "subject_does_not_exist")
	w.post("/desktop/save", map[string]any{}).want(400)
	m := h.member(o, auth.Member)
	m.client.Jar = w.client.Jar
	m.post("/desktop/save", map[string]any{"path": "/" + o.key.address().String() + "/a.txt"}).want(404) // another's

	p.slow = sayEvery
	a := w.post("/desktop/save", ask).want(200)
	told := lines(t, a.body)
	if got := <-p.saved; got != "a.txt:"+content {
		t.Fatal("another file was saved:", len(got))
	}
	if last := told[len(told)-1]; len(told) < 2 || told[0]["size"] != float64(len(content)) || last["name"] != "a.txt" || a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatal(told, a.header)
	}

	p.broken = true
	w.post("/desktop/save", ask).want(507, "disk_of_downloads_full")
}

// What goes wrong after the first word is the last word.
func TestSaveFailsLate(t *testing.T) {
	h, p := withProgram(t)
	late := &fails{program: p}
	h.api.cfg.Desktop = late
	o := h.owner()
	o.write("~/a.txt", []byte(strings.Repeat("x", 100_000))).want(200)
	w := h.visitor().page()
	w.in("/")
	w.login(o.key, nil).want(200)
	p.slow = sayEvery
	told := lines(t, w.post("/desktop/save", map[string]any{"path": "~/a.txt"}).want(200).body)
	if last := told[len(told)-1]; len(told) < 2 || last["code"] != "disk_of_downloads_full" || last["name"] != nil {
		t.Fatal(told)
	}
}

// fails when all is written.
type fails struct{ *program }

func (f *fails) Save(ctx context.Context, name string, write func(io.Writer) error) (Saved, error) {
	if err := write(&slow{ctx, io.Discard, f.slow}); err != nil {
		return Saved{}, err
	}
	return Saved{}, fault.New(fault.Full, "disk_of_downloads_full", "No room.")
}

// Who hangs up has given the file up.
func TestSaveGivenUp(t *testing.T) {
	h, p := withProgram(t)
	o := h.owner()
	o.write("~/a.txt", []byte(strings.Repeat("x", 100_000))).want(200)
	w := h.visitor().page()
	w.in("/")
	w.login(o.key, nil).want(200)
	stuck := &stops{program: p, ended: make(chan error, 1), began: make(chan struct{})}
	h.api.cfg.Desktop = stuck
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		select {
		case <-stuck.began:
		case <-t.Context().Done():
		}
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, "POST", h.url+"/desktop/save", strings.NewReader(`{"path":"~/a.txt"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", h.url)
	if res, err := w.client.Do(req); err == nil {
		res.Body.Close()
		t.Fatal("answered", res.Status)
	}
	select {
	case err := <-stuck.ended:
		if err == nil {
			t.Fatal("it went on")
		}
	case <-time.After(time.Minute):
		t.Fatal("the program was not told")
	}
}

// stops in the middle until it is told to.
type stops struct {
	*program
	began chan struct{}
	ended chan error
}

func (s *stops) Save(ctx context.Context, name string, write func(io.Writer) error) (Saved, error) {
	close(s.began)
	<-ctx.Done()
	s.ended <- ctx.Err()
	return Saved{}, ctx.Err()
}
