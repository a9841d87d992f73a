//go:build linux

package node

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// page is the real socket.io-client in a process of its own.
type page struct {
	t    *testing.T
	in   io.WriteCloser
	seen chan happened
	past []happened // for the message of a failure
}

// happened is an event, or something of the connection: connect, disconnect, upgrade.
type happened struct {
	name string
	data json.RawMessage
}

func (h happened) String() string { return fmt.Sprintf("%s %.120s", h.name, h.data) }

func (h happened) object(t *testing.T) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(h.data, &m); err != nil {
		t.Fatal(h, err)
	}
	return m
}

// page opens the address of the world with the owner's token.
func (c *chain) page(transports ...string) *page {
	t := c.t
	t.Helper()
	frontend, err := filepath.Abs("../../frontend")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("This test needs Node.js 20 or newer: install it, or put node into PATH.")
	}
	if _, err := os.Stat(filepath.Join(frontend, "node_modules", "socket.io-client", "package.json")); err != nil {
		t.Fatal("This test needs the npm packages of the page: run `npm ci` in frontend/.")
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/away.cjs", frontend, superHost)
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
	p := &page{t: t, in: in, seen: make(chan happened, 1000)}
	var read sync.WaitGroup
	read.Go(func() { p.read(out) })
	t.Cleanup(func() {
		in.Close()
		read.Wait()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("node: %v\n%s", err, stderr.String())
		}
	})
	p.order(map[string]any{"url": c.url, "options": map[string]any{"transports": transports, "auth": map[string]any{"auth_token": c.token}, "reconnectionDelayMax": 1000}})
	return p
}

func (p *page) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var x struct {
			Kind string
			Data json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			p.t.Errorf("the page says %q", lines.Bytes())
			return
		}
		h := happened{x.Kind, x.Data}
		if x.Kind == "event" {
			var e struct {
				Name    string
				Payload json.RawMessage
			}
			if err := json.Unmarshal(x.Data, &e); err != nil {
				p.t.Errorf("the page says %q", lines.Bytes())
				return
			}
			h = happened{e.Name, e.Payload}
		}
		p.seen <- h
	}
}

func (p *page) order(o map[string]any) {
	p.t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		p.t.Fatal(err)
	}
}

// next waits for what has that name, and skips the rest.
func (p *page) next(name string) happened {
	p.t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case h := <-p.seen:
			if p.past = append(p.past, h); h.name == name {
				return h
			}
		case <-late:
			p.t.Fatalf("no %s came; so far: %v", name, p.past)
		}
	}
}

// The page's own socket, through gateway and relay, by name: what happens comes at
// once, and what happened while the super node was away comes after it, in order and
// nothing twice.
func TestLiveThroughTheChain(t *testing.T) {
	for name, transports := range map[string][]string{"polling": {"polling"}, "websocket": {"websocket"}, "from polling to websocket": {"polling", "websocket"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChain(t, "alice")
			away, home := c.owner("127.0.0.1"), c.atHome()
			p := c.page(transports...)
			p.next("connected")
			if len(transports) > 1 && !slices.ContainsFunc(p.past, func(h happened) bool { return h.name == "upgrade" }) {
				p.next("upgrade")
			}
			made, last := 0, 0.0
			mkdir := func(v *visitor) {
				t.Helper()
				made++
				if r := v.post("/mkdir", map[string]any{"path": fmt.Sprintf("~/Documents/%02d", made)}); r.code != 200 {
					t.Fatal(r)
				}
			}
			told := 0
			hears := func() {
				t.Helper()
				for told < made {
					e := p.next("item.added").object(t)
					if told++; e["name"] != fmt.Sprintf("%02d", told) || e["event_id"].(float64) <= last {
						t.Fatalf("event %d is %v", told, e)
					}
					last = e["event_id"].(float64)
				}
			}
			for range 3 {
				mkdir(away)
				hears()
			}
			for range 2 {
				p.order(map[string]any{"auth": map[string]any{"auth_token": c.token, "last_event_id": last}})
				c.stopSuper()
				p.next("disconnect")
				for range 3 { // at home life goes on
					mkdir(home)
				}
				c.startSuper()
				p.next("connected")
				hears()
				mkdir(away)
				hears()
			}
			p.order(map[string]any{"close": true})
			p.next("disconnect")
			for len(p.seen) > 0 {
				if h := <-p.seen; h.name == "item.added" {
					t.Errorf("twice: %v", h)
				}
			}
		})
	}
}
