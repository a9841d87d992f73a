//go:build linux

package node

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pc2/backend/boson"
	"pc2/backend/boson/activeproxy"
	"pc2/backend/names"
	"pc2/backend/preface"
)

// silence says something to the relay's mapped port and wants not a byte of an answer.
func silence(t *testing.T, address, what, say string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(conn, say)
	if b, err := io.ReadAll(conn); len(b) > 0 {
		t.Errorf("%s: answered %q", what, b)
	} else if late, ok := err.(net.Error); ok && late.Timeout() {
		t.Errorf("%s: the connection stays", what)
	}
}

// Who finds the relay's mapped port of a real node hears nothing there, whatever
// they say, and passes for nobody.
func TestStrangerAtTheMappedPort(t *testing.T) {
	t.Parallel()
	c := newChain(t, "alice")
	port := c.mapped()
	clear := c.head("GET", "/whoami", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: "+c.host(), "X-Forwarded-Proto: https", "", "")
	var all sync.WaitGroup
	// Whatever a stranger can know: the node's ID, the device's, the super node's.
	guesses := map[string][32]byte{"no key": {}, "the node's ID": c.node.id.ID(), "the device's ID": c.node.id.Key().RelayDevice(c.super.ID()).ID(), "the super node's ID": c.super.ID()}
	for name, key := range guesses {
		visitor := peer("127.0.0.1:1")
		h, err := preface.Header(key, visitor)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { silence(t, port, "a preface proved with "+name, string(h)+clear) })
		all.Go(func() { silence(t, port, "without its proof, "+name, string(h[:len(h)-19])+clear) })
	}
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02"
	for name, say := range map[string]string{
		"clear HTTP":                     clear,
		"clear HTTP, a browser's":        "GET / HTTP/1.1\r\nHost: " + c.host() + "\r\nAccept: text/html\r\n\r\n",
		"the phrase":                     "GET /api/setup/mnemonic HTTP/1.1\r\nHost: localhost\r\nX-PC2-Claim: x\r\n\r\n",
		"HTTP/2":                         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"TLS":                            "\x16\x03\x01\x00\x05hello",
		"PROXY version 1":                "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + clear,
		"PROXY version 1, twice":         "PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n" + clear,
		"PROXY version 2 without a TLV":  v2 + clear,
		"PROXY version 2, LOCAL":         "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00" + clear,
		"PROXY version 2, length 65535":  "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff" + strings.Repeat("x", 65535),
		"half of PROXY version 2":        v2[:14],
		"PROXY version 2 and no more":    v2,
		"a word of another protocol":     "SSH-2.0-x\r\n",
		"nothing (the lobby's patience)": "",
	} {
		all.Go(func() { silence(t, port, name, say) })
	}
	all.Wait()
	if r := c.visitor("127.0.0.1").do("GET", "/health", nil); r.code != 200 {
		t.Error(r)
	}
}

// What is for this PC alone is closed to what comes through the gateway, on
// either kind of connection, whatever the visitor says of itself, the owner included.
func TestForThisPCAlone(t *testing.T) {
	t.Parallel()
	c := newChain(t, "alice")
	lies := [][]string{
		nil,
		{"X-Forwarded-For", "127.0.0.1"},
		{"X-Forwarded-For", "127.0.0.1", "X-Forwarded-Host", "localhost", "X-Forwarded-Proto", "http", "X-Real-IP", "127.0.0.1", "Forwarded", "for=127.0.0.1"},
		{"x_forwarded_for", "127.0.0.1", "X-Forwarded_For", "127.0.0.1", "True-Client-Ip", "127.0.0.1", "X-Original-Url", "/health"},
		{"Connection", "X-Forwarded-For, X-Forwarded-Host", "X-Forwarded-For", "::1"},
		{"X-PC2-Claim", "0000-0000-0000", "X-Forwarded-For", "127.0.0.1"},
	}
	for i, header := range lies {
		v := c.owner(fmt.Sprintf("127.0.0.%d", i+2)) // three tries a minute each
		header = append([]string{"Origin", c.url}, header...)
		for _, body := range []io.Reader{nil, strings.NewReader(`{"message":"x","signature":"y"}`), struct{ io.Reader }{strings.NewReader(`{"message":"x","signature":"y"}`)}} {
			method := "POST"
			if body == nil {
				method = "GET"
			} else {
				header = append(header, "Content-Type", "application/json")
			}
			if r := v.do(method, "/api/setup/mnemonic", body, header...); r.code != 403 || strings.Contains(string(r.body), "mnemonic\":") {
				t.Errorf("%s with %v: %v", method, header, r)
			}
		}
		if r := v.do("GET", "/api/control/status", nil, append(header, "Authorization", "Bearer "+c.node.token)...); r.code != 403 {
			t.Errorf("control with %v: %v", header, r)
		}
		if r := v.do("GET", "/api/setup/status", nil, header...); r.code != 200 || r.object(t)["local"] != false || r.object(t)["ingress"] != "gateway" {
			t.Errorf("%v: %v", header, r)
		}
	}
	v := c.owner("127.0.0.100")
	// Nor is another host's name a way past: the gateway knows whose host it is, and the node again.
	for _, host := range []string{"localhost", "127.0.0.1", "bob.localhost", "alice.localhost.", "alice.localhost:80", "ALICE.localhost", "x.alice.localhost"} {
		r := v.do("GET", "/api/setup/mnemonic", nil, "Host", host, "X-PC2-Claim", "0000-0000-0000")
		if r.code < 300 {
			t.Errorf("host %s: %v", host, r)
		}
	}
}

// Bytes that two servers could read as different requests never reach the node.
func TestSmugglingThroughTheChain(t *testing.T) {
	t.Parallel()
	c := newChain(t, "alice")
	v := c.owner("127.0.0.1")
	inner := "PUT /write?path=~/smuggled HTTP/1.1\r\nHost: " + c.host() + "\r\nAuthorization: Bearer " + c.token + "\r\nContent-Length: 1\r\n\r\nx"
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)
	big := strings.Repeat("a", 2<<20)
	for name, say := range map[string]string{
		"two lengths":            c.head("POST", "/health", fmt.Sprint("Content-Length: ", len(inner)), "Content-Length: 0", "", inner),
		"two equal lengths":      c.head("POST", "/health", "Content-Length: 0", "Content-Length: 0", "", inner),
		"length and chunked":     c.head("POST", "/health", "Content-Length: 5", "Transfer-Encoding: chunked", "", "0\r\n\r\n"+inner),
		"chunked and length":     c.head("POST", "/health", "Transfer-Encoding: chunked", fmt.Sprint("Content-Length: ", len(chunk)), "", chunk),
		"two hosts":              c.head("GET", "/health", "Host: localhost", "", ""),
		"a folded header":        c.head("GET", "/health", "X: y", " Content-Length: 5", "", inner),
		"a bare CR":              c.head("GET", "/health", "X: y\rContent-Length: 5", "", inner),
		"a space before a colon": c.head("POST", "/health", fmt.Sprint("Content-Length : ", len(inner)), "", inner),
		"headers of 2 MiB":       c.head("GET", "/health", slices.Repeat([]string{"X: " + strings.Repeat("a", 1000)}, 2100)...) + "\r\n\r\n",
		"one header of 2 MiB":    c.head("GET", "/health", "X: "+big, "", ""),
		"a cookie of 2 MiB":      c.head("GET", "/health", "Cookie: a="+big, "", ""),
		"a path of 2 MiB":        c.head("GET", "/"+big, "", ""),
		"h2c":                    c.head("GET", "/health", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "", "") + inner,
	} {
		conn, err := c.dial(t.Context(), "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(time.Minute))
		go io.WriteString(conn, say)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && res.StatusCode < 400 && name != "h2c" {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
		if err == nil && res.StatusCode == http.StatusSwitchingProtocols {
			t.Errorf("%s: a tunnel", name)
		}
		if late, ok := err.(net.Error); ok && late.Timeout() {
			t.Errorf("%s: hangs", name)
		}
		conn.Close()
		if name == "h2c" { // two honest requests, one behind the other
			v.do("POST", "/delete?path=~/smuggled", nil)
		}
		if r := v.do("GET", "/stat?path=~/smuggled", nil); r.code != 404 {
			t.Errorf("%s: what was hidden in it was done: %v", name, r)
		}
	}
}

// A head that comes by the byte has ten seconds, and nobody waits for it.
func TestSlowHeadsThroughTheChain(t *testing.T) {
	t.Parallel()
	c := newChain(t, "alice")
	var slow []*net.TCPConn
	for range 50 {
		slow = append(slow, c.raw("GET / HTTP/1.1\r\nHost: "+c.host()+"\r\nX: "))
	}
	for i := range 3 {
		c.lives(i)
	}
	for _, conn := range slow {
		conn.SetDeadline(time.Now().Add(time.Minute))
		for { // it goes on, a byte at a time, as long as it may
			if _, err := conn.Write([]byte("x")); err != nil {
				break
			}
			conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := io.ReadAll(conn); err == nil || !strings.Contains(err.Error(), "timeout") {
				break
			}
		}
	}
	c.lives(0)
}

// A name whose claim names another node's device leads nowhere: the device says
// whose it is.
func TestBorrowedDevice(t *testing.T) {
	t.Parallel()
	c := newChain(t, "alice")
	mallory := boson.KeyFromSeed(boson.Seed{66})
	name, err := names.Parse("mallory")
	if err != nil {
		t.Fatal(err)
	}
	at := c.super.Devices()[0]
	claim, err := names.Sign(mallory, names.Claim{Op: names.Register, Name: name, Device: at.ID, SuperNode: c.super.ID(), Seq: time.Now().UnixMilli(), Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	v := c.visitor("127.0.0.1")
	v.base = "http://" + c.super.Ready().HTTPAddr
	if r := v.do("POST", "/api/register", strings.NewReader(string(claim.JSON()))); r.code != 200 {
		t.Fatal(r)
	}
	if r := v.do("GET", "/api/setup/status", nil, "Host", strings.Replace(c.host(), "alice", "mallory", 1)); r.code != 502 {
		t.Errorf("another's name leads to the node: %v", r)
	}
	if r := c.visitor("127.0.0.1").do("GET", "/health", nil); r.code != 200 {
		t.Error(r)
	}
	// Who has the name and not the device gets no session either.
	client, err := activeproxy.NewClient(activeproxy.ClientConfig{Relay: c.super.Ready().ProxyAddr, Peer: c.super.ID(), Device: mallory.RelayDevice(c.super.ID()), User: c.node.id.ID()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
}

func peer(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
