package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// happened is what a test client saw: an event, or something of the connection.
type happened struct {
	name string // an event's name; "connect", "connect_error", "disconnect", "gone" are of the connection
	data json.RawMessage
}

func (h happened) object(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(h.data, &m); err != nil {
		t.Fatalf("%s: %v in %.200s", h.name, err, h.data)
	}
	return m
}

// diary is what a client saw, in order.
type diary struct {
	t    *testing.T
	mu   sync.Mutex
	all  []happened
	more chan struct{}
	read int
}

func newDiary(t *testing.T) diary { return diary{t: t, more: make(chan struct{}, 1)} }

func (d *diary) note(name string, data json.RawMessage) {
	d.mu.Lock()
	d.all = append(d.all, happened{name, data})
	d.mu.Unlock()
	select {
	case d.more <- struct{}{}:
	default:
	}
}

// next waits for the next entry with one of the names and skips the others
// before it.
func (d *diary) next(names ...string) happened {
	d.t.Helper()
	late := time.After(15 * time.Second)
	for {
		d.mu.Lock()
		for d.read < len(d.all) {
			x := d.all[d.read]
			d.read++
			for _, n := range names {
				if x.name == n {
					d.mu.Unlock()
					return x
				}
			}
		}
		d.mu.Unlock()
		select {
		case <-d.more:
		case <-late:
			d.t.Fatalf("no %s came; so far: %s", strings.Join(names, " or "), d)
		}
	}
}

// count is how often a name is there now.
func (d *diary) count(name string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.all {
		if x.name == name {
			n++
		}
	}
	return n
}

func (d *diary) length() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}

// named are the entries of a name, now.
func (d *diary) named(name string) (all []happened) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.all {
		if x.name == name {
			all = append(all, x)
		}
	}
	return all
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for _, x := range d.all[max(0, len(d.all)-40):] {
		fmt.Fprintf(&b, "\n  %s %.160s", x.name, x.data)
	}
	return b.String()
}

// line is a Socket.IO client in Go, as bare as the tests need.
type line struct {
	diary
	conn *websocket.Conn
	mu   sync.Mutex // of writing
}

type dialing struct {
	query  url.Values
	header http.Header
	auth   any  // of the CONNECT packet; nil: {}
	mute   bool // sends no CONNECT
	eio3   bool
	deaf   bool // does not read after the handshake
}

func (h *home) dial(t *testing.T, d dialing) (*line, *http.Response, error) {
	t.Helper()
	q := url.Values{"EIO": {"4"}, "transport": {"websocket"}}
	if d.eio3 {
		q.Set("EIO", "3")
	}
	for k, v := range d.query {
		q[k] = v
	}
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(h.url, "http")+"/socket.io/?"+q.Encode(), d.header)
	if err != nil {
		return nil, res, err
	}
	l := &line{diary: newDiary(t), conn: conn}
	t.Cleanup(func() { conn.Close() })
	if _, b, err := conn.ReadMessage(); err != nil || b[0] != '0' {
		t.Fatalf("handshake: %q %v", b, err)
	}
	if !d.mute && !d.eio3 {
		auth, err := json.Marshal(d.auth)
		if err != nil || d.auth == nil {
			auth = []byte("{}")
		}
		l.write("40" + string(auth))
	}
	if !d.deaf {
		go l.listen()
	}
	return l, res, nil
}

// line dials with a visitor's token and waits until the hub has it.
func (v *visitor) line(t *testing.T, auth map[string]any) *line {
	t.Helper()
	if auth == nil {
		auth = map[string]any{}
	}
	auth["auth_token"] = v.token
	l, _, err := v.h.dial(t, dialing{auth: auth})
	if err != nil {
		t.Fatal(err)
	}
	l.next("connected")
	return l
}

func (l *line) write(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.conn.WriteMessage(websocket.TextMessage, []byte(s)) // "gone" tells
}

func (l *line) emit(name string, payload any) {
	b, err := json.Marshal([]any{name, payload})
	if err != nil {
		l.t.Fatal(err)
	}
	l.write("42" + string(b))
}

func (l *line) listen() {
	for {
		_, b, err := l.conn.ReadMessage()
		if err != nil {
			l.note("gone", nil)
			return
		}
		l.packet(string(b))
	}
}

func (l *line) packet(s string) {
	switch {
	case s == "2":
		l.write("3")
	case strings.HasPrefix(s, "40"):
		l.note("connect", json.RawMessage(s[2:]))
	case strings.HasPrefix(s, "41"):
		l.note("disconnect", nil)
	case strings.HasPrefix(s, "44"):
		l.note("connect_error", json.RawMessage(s[2:]))
	case strings.HasPrefix(s, "42"):
		var parts []json.RawMessage
		var name string
		if err := json.Unmarshal([]byte(s[2:]), &parts); err != nil || len(parts) != 2 || json.Unmarshal(parts[0], &name) != nil {
			l.note("broken", json.RawMessage(s))
			return
		}
		l.note(name, parts[1])
	}
}

// node is the real client in a process of its own.
type nodeClient struct {
	diary
	in io.WriteCloser
}

func frontend(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../frontend")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("This test needs Node.js 20 or newer: install it, or put node into PATH.")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "socket.io-client", "package.json")); err != nil {
		t.Fatal("This test needs the npm packages of the page: run `npm ci` in frontend/.")
	}
	return dir
}

func (h *home) node(t *testing.T, options map[string]any) *nodeClient {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "testdata/live.cjs", frontend(t))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := &nodeClient{diary: newDiary(t), in: in}
	var read sync.WaitGroup
	read.Go(func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			n.line(lines.Bytes())
		}
	})
	t.Cleanup(func() {
		in.Close()
		read.Wait()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("node: %v\n%s", err, stderr.String())
		}
	})
	n.order(map[string]any{"url": h.url, "options": options})
	return n
}

func (n *nodeClient) line(b []byte) {
	var x struct {
		Kind string          `json:"kind"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(b, &x); err != nil {
		n.note("broken", json.RawMessage(fmt.Sprintf("%q", b)))
		return
	}
	if x.Kind != "event" {
		n.note(x.Kind, x.Data)
		return
	}
	var e struct {
		Name    string          `json:"name"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(x.Data, &e); err != nil {
		n.note("broken", x.Data)
		return
	}
	n.note(e.Name, e.Payload)
}

func (n *nodeClient) order(o map[string]any) {
	n.t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.in.Write(append(b, '\n')); err != nil {
		n.t.Fatal(err)
	}
}
