//go:build linux

package node

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
)

// 500 connections that say nothing stand at the relay's door, 500 at the gateway's and
// as many as are let in at the mapped port. Everything is as usual: for
// visitors of the same address, and for a node that comes to the relay.
func TestCrowdAtTheDoors(t *testing.T) {
	c := newChain(t, "alice")
	at := c.super.Ready()
	dir := t.TempDir()
	bob, stop := c.startNode(dir, "bob")
	visitBob := func() {
		t.Helper()
		v := c.visitor("127.0.0.1")
		v.base = bob.net.State().URL
		if r := v.do("GET", "/api/setup/status", nil); r.code != 200 || r.object(t)["node_id"] != bob.id.ID().String() {
			t.Fatal(r)
		}
	}
	visitBob()
	before := c.quiet()
	var crowd []net.Conn
	for _, door := range []string{at.ProxyAddr, at.HTTPAddr, c.mapped()} {
		for range 500 {
			conn, err := net.Dial("tcp", door)
			if err != nil {
				t.Fatal(err)
			}
			crowd = append(crowd, conn)
		}
	}
	for i := range 3 {
		c.lives(i)
	}
	c.listens().Close()
	stop()
	bob, _ = c.startNode(dir, "bob")
	before.goroutines++ // of lumberjack, which keeps one for each log file for ever
	visitBob()
	for _, conn := range crowd {
		conn.Close()
	}
	c.lives(0)
	c.settled(before)
}

// One stranger takes all requests in flight that an address may have, and finishes
// none. For people at other addresses nothing changes, neither for what is asked in
// passing nor for what has a connection of the relay to itself.
func TestStrangerWhoStalls(t *testing.T) {
	t.Parallel()
	const stranger = "127.0.0.9"
	garbage := "Authorization: Bearer " + strings.Repeat("0", 64)
	for name, head := range map[string]string{
		"open routes":   "POST /auth/challenge HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		"large JSON":    "POST /write HTTP/1.1\r\nHost: %s\r\n" + garbage + "\r\nContent-Type: application/json\r\nContent-Length: 30000000\r\n\r\n{",
		"small JSON":    "POST /mkdir HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{",
		"forms":         "POST /write HTTP/1.1\r\nHost: %s\r\n" + garbage + "\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 30000000\r\n\r\n--b\r\n",
		"sockets":       "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"polls' bodies": "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t, "alice")
			for range 300 {
				conn, err := c.dial(t.Context(), stranger)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				fmt.Fprintf(conn, head, c.host())
			}
			v := c.owner("127.0.0.1")
			for range 3 { // at first some of the stranger's may still be on their way
				if r := v.do("PUT", "/write?path=~/x", bytes.NewReader(make([]byte, 300_000))); r.code != 200 {
					t.Error("an upload:", r)
				}
				c.listens().Close()
				if r := v.post("/write", map[string]any{"path": "~/big.txt", "content": strings.Repeat("x", 3<<20)}); r.code != 200 {
					t.Error("a large JSON upload:", r)
				}
				c.lives(0)
			}
		})
	}
}

// Strangers of many addresses stall as many requests as a node takes, and stand at the
// mapped port besides. Whoever only wants to read is still served, over the
// connections that requests share.
func TestStrangersWhoStall(t *testing.T) {
	t.Parallel()
	c := newChain(t, "alice")
	mapped := c.mapped()
	for a := range 6 {
		from := net.IPv4(127, 0, 1, byte(a+1)).String()
		for range 80 {
			conn, err := c.dial(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			fmt.Fprintf(conn, "POST /auth/challenge HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", c.host())
		}
		for range 40 {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			conn, err := d.DialContext(t.Context(), "tcp", mapped)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
		}
	}
	eventually(t, "the strangers are there", func() bool { return c.super.Devices()[0].Busy >= 100 })
	v := c.owner("127.0.0.1")
	want := make([]byte, 50_000)
	(&counter{}).Read(want)
	for range 10 {
		if r := v.do("GET", "/readdir?path=~", nil); r.code != 200 {
			t.Error(r)
		}
		if r := v.do("PUT", "/write?path=~/small", bytes.NewReader(want)); r.code != 200 {
			t.Error(r)
		}
		if r := v.do("GET", "/read?path=~/small", nil); r.code != 200 || !bytes.Equal(r.body, want) {
			t.Error(r.code, len(r.body))
		}
	}
	// What would need another connection of its own is refused at once, with when to
	// come again. Who is still sending then may see the end of the connection first.
	r, err := v.try("PUT", "/write?path=~/x", bytes.NewReader(make([]byte, 300_000)))
	if err == nil && r.code != 200 && (!r.says(429, "too_many_requests") || r.header.Get("Retry-After") == "") {
		t.Error(r)
	}
}
