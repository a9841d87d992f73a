//go:build linux

package node

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// trouble is what visitors do to be in some state of the chain.
func (c *chain) trouble() map[string]func() *net.TCPConn {
	t := c.t
	ask := func(head string) func() *net.TCPConn { return func() *net.TCPConn { return c.raw(head) } }
	read := func(conn *net.TCPConn, n int) *net.TCPConn {
		if _, err := io.ReadFull(conn, make([]byte, n)); err != nil {
			t.Error("a visitor is not served:", err)
		}
		return conn
	}
	upgrade := c.head("GET", "/socket.io/?EIO=4&transport=websocket", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "")
	half := strings.Repeat("half ", 20_000)
	return map[string]func() *net.TCPConn{
		"says nothing":             ask(""),
		"half a word":              ask("GE"),
		"half a head":              ask(c.head("GET", "/health")),
		"asked and reads nothing":  ask(c.head("GET", "/read?path=~/big", "", "")),
		"in a download":            func() *net.TCPConn { return read(c.raw(c.head("GET", "/read?path=~/big", "", "")), 300_000) },
		"after an answer":          func() *net.TCPConn { return read(c.raw(c.head("GET", "/health", "", "")), 100) },
		"in a small upload":        ask(c.head("PUT", "/write?path=~/half", "Content-Length: 1000", "", "half")),
		"in an upload":             ask(c.head("PUT", "/write?path=~/half", "Content-Length: 50000000", "", half)),
		"in an upload of any size": ask(c.head("PUT", "/write?path=~/half", "Transfer-Encoding: chunked", "", fmt.Sprintf("%x\r\n%s\r\n", len(half), half))),
		"in a form":                ask(c.head("POST", "/mkdir", "Content-Type: application/json", "Transfer-Encoding: chunked", "", "8\r\n{\"path\":\r\n")),
		"before an upload":         ask(c.head("PUT", "/write?path=~/half", "Content-Length: 50000000", "Expect: 100-continue", "", "")),
		"asks for a socket":        ask(upgrade),
		"has a socket":             func() *net.TCPConn { return read(c.raw(upgrade), 200) },
		"polls":                    c.polls,
		"has signed in":            c.listens,
	}
}

// polls waits for events by polling.
func (c *chain) polls() *net.TCPConn {
	v := c.owner("127.0.0.1")
	r := v.do("GET", "/socket.io/?EIO=4&transport=polling", nil)
	_, rest, ok := strings.Cut(string(r.body), `"sid":"`)
	if !ok {
		c.t.Error("no session for polling:", r)
		return c.raw("")
	}
	sid, _, _ := strings.Cut(rest, `"`)
	return c.raw(c.head("GET", "/socket.io/?EIO=4&transport=polling&sid="+sid, "", ""))
}

// listens has a socket that is signed in.
func (c *chain) listens() *net.TCPConn {
	var conn *net.TCPConn
	d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { conn = c.raw(""); return conn, nil }}
	ws, _, err := d.Dial("ws://"+c.host()+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		c.t.Error("no socket:", err)
		return c.raw("")
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`40{"auth_token":"`+c.token+`"}`)); err != nil {
		c.t.Error(err)
	}
	for {
		_, m, err := ws.ReadMessage()
		if err != nil {
			c.t.Error("no sign-in by the socket:", err)
			return conn
		}
		if bytes.HasPrefix(m, []byte(`42["connected"`)) {
			return conn
		}
	}
}

// lives does what a browser does, once, and fails the test if it cannot.
func (c *chain) lives(i int) {
	v := c.owner("127.0.0.1")
	want := make([]byte, 200_000)
	(&counter{at: int64(i)}).Read(want)
	path := fmt.Sprintf("?path=~/live-%d", i)
	for _, step := range []struct {
		method, path string
		body         io.Reader
		want         []byte
	}{
		{"GET", "/readdir?path=~", nil, nil},
		{"PUT", "/write" + path, bytes.NewReader(want), nil},
		{"GET", "/read" + path, nil, want},
		{"POST", "/delete" + path, nil, nil},
	} {
		r, err := v.try(step.method, step.path, step.body)
		if err != nil || r.code != 200 || step.want != nil && !bytes.Equal(r.body, step.want) {
			c.t.Errorf("%s %s while others do strange things: %v, %d, %d bytes", step.method, step.path, err, r.code, len(r.body))
			return
		}
	}
}

// Visitors who are slow, who stall and who vanish, in every state of the chain:
// nobody else notices, and afterwards nothing of them is left, neither goroutine
// nor descriptor nor a byte of their uploads.
func TestVisitorsVanish(t *testing.T) {
	c := newChain(t, "alice")
	if r := c.owner("127.0.0.1").do("PUT", "/write?path=~/big", io.LimitReader(&counter{}, 32<<20)); r.code != 200 {
		t.Fatal(r)
	}
	leave := []func(*net.TCPConn){
		func(c *net.TCPConn) { c.Close() },
		func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		func(c *net.TCPConn) { c.CloseWrite(); c.Read(make([]byte, 1)); c.Close() },
	}
	round := func() {
		var mu sync.Mutex
		var open []*net.TCPConn
		var coming sync.WaitGroup
		for _, come := range c.trouble() {
			for range len(leave) {
				coming.Go(func() {
					conn := come()
					mu.Lock()
					open = append(open, conn)
					mu.Unlock()
				})
			}
		}
		coming.Wait()
		for i := range 5 { // they are all there, and stay
			c.lives(i)
		}
		var going sync.WaitGroup
		for i, conn := range open {
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			going.Go(func() { leave[i%len(leave)](conn) })
		}
		for i := range 5 {
			c.lives(i)
		}
		going.Wait()
	}
	nothingStays := func(before census) {
		t.Helper()
		eventually(t, "what visitors left unfinished is gone", func() bool { whole, incoming := c.stored(); return whole == 1 && incoming == 0 })
		c.settled(before)
		for _, name := range []string{"half", "live-0"} {
			if r := c.owner("127.0.0.1").do("GET", "/stat?path=~/"+name, nil); r.code != 404 {
				t.Fatalf("%s is there: %v", name, r)
			}
		}
	}
	round() // opens all that is opened once and kept
	nothingStays(census{1 << 20, 1 << 20, 0})
	before := c.quiet()
	for range 3 {
		round()
	}
	nothingStays(before)
}

// What comes and goes at once, in any moment of the relay's handshake.
func TestVisitorsComeAndGo(t *testing.T) {
	c := newChain(t, "alice")
	port := c.mapped()
	gateway := c.super.Ready().HTTPAddr
	say := []string{"", c.head("GET", "/health", "", ""), c.head("PUT", "/write?path=~/half", "Content-Length: 500000", "", "half"), c.head("GET", "/socket.io/?EIO=4&transport=websocket", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "")}
	round := func(n int) {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				for j := range 20 {
					conn, err := net.Dial("tcp", []string{gateway, gateway, port}[(i+j)%3])
					if err != nil {
						t.Error(err)
						return
					}
					io.WriteString(conn, say[j%len(say)])
					time.Sleep(time.Duration((i*7+j*13)%40) * 250 * time.Microsecond)
					if j%2 == 0 {
						conn.(*net.TCPConn).SetLinger(0)
					}
					conn.Close()
				}
			})
		}
		for i := range 3 {
			c.lives(i)
		}
		all.Wait()
	}
	round(10)
	eventually(t, "only the spare connections and a shared one are there", func() bool { return c.super.Devices()[0].Busy <= 1 })
	before := c.quiet()
	round(10)
	round(10)
	c.settled(before)
	eventually(t, "unfinished uploads are gone", func() bool { _, incoming := c.stored(); return incoming == 0 })
}
