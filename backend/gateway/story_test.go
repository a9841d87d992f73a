package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"pc2/backend/names"
)

// A pooled connection that breaks costs a question nothing and a change, at
// most, an error: what may have been done once is not done twice.
func TestRetry(t *testing.T) {
	s := newScene(t)
	var posts, gets atomic.Int64
	reached, hold := make(chan struct{}, 10), make(chan struct{})
	n := s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count := &gets
		if r.Method == "POST" {
			count = &posts
		}
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/hold" && count.Add(1) == 1 {
			reached <- struct{}{}
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		}
		io.WriteString(w, "ok")
	}))
	if a := s.get("alice.localhost", "/"); a.body != "ok" {
		t.Fatal(a)
	}
	for _, method := range []string{"GET", "POST"} {
		got := make(chan answer)
		go func() { got <- s.do(method, "alice.localhost", "/hold", nil, "X", "1") }()
		<-reached
		n.cut()
		a := <-got
		if method == "GET" && (a.code != 200 || gets.Load() != 2) {
			t.Error("GET:", a.code, gets.Load())
		}
		if method == "POST" && (a.code != 502 || posts.Load() != 1 || a.json["code"] != "upstream_error") {
			t.Error("POST:", a.code, posts.Load())
		}
	}
	close(hold)
	// Idle connections that died meanwhile are not used, whatever the method.
	for i := range 20 {
		n.cut()
		if i%2 == 0 {
			eventually(t, "", func() bool { return n.conns() == 0 })
		}
		if a := s.do("POST", "alice.localhost", "/", []byte("small")); i%2 == 0 && a.body != "ok" {
			t.Error(i, a)
		}
	}
}

func TestOffline(t *testing.T) {
	now := time.Now().Add(3*time.Hour + time.Minute)
	s := newScene(t, func(c *Config) { c.Now = func() time.Time { return now } })
	device := key(51).ID()
	n := s.home("alice", 1, http.HandlerFunc(mirror))
	if a := s.get("alice.localhost", "/status"); a.code != 200 || a.json["online"] != true || a.json["via"] != "relay" || a.json["username"] != "alice" {
		t.Error(a)
	}
	if a := s.get("localhost", "/api/lookup/alice"); a.json["online"] != true || a.json["via"] != "relay" {
		t.Error(a)
	}
	s.relay.set(device, nil)
	if a := s.get("alice.localhost", "/status"); a.code != 200 || a.json["online"] != false || a.json["via"] != nil {
		t.Error(a)
	}
	if a := s.get("alice.localhost", "/api/health"); a.code != 502 || a.json["code"] != "upstream_error" || a.json["success"] != false {
		t.Error(a)
	}
	a := s.get("alice.localhost", "/files", "Accept", "text/html,*/*")
	if a.code != 502 || !strings.Contains(a.body, "<h1>alice.localhost is offline</h1>") || !strings.Contains(a.body, "last seen <time") || !strings.Contains(a.body, "<b>3 hours ago</b>") {
		t.Error(a)
	}
	// The relay thinks it is there, and it is not.
	s.relay.set(device, n)
	for _, c := range []struct {
		fail  error
		code  int
		fault string
		page  string
	}{
		{fmt.Errorf("no session: %w", ErrOffline), 502, "upstream_error", "is offline"},
		{context.DeadlineExceeded, 504, "upstream_timeout", "does not answer"},
		{errors.New("broken"), 502, "upstream_error", "does not answer"},
	} {
		s.relay.mu.Lock()
		s.relay.fail = c.fail
		s.relay.mu.Unlock()
		for _, body := range [][]byte{nil, make([]byte, 100<<10)} {
			if a := s.do("POST", "alice.localhost", "/", body); a.code != c.code || a.json["code"] != c.fault {
				t.Errorf("%v: %d %s", c.fail, a.code, a.body)
			}
		}
		if a := s.get("alice.localhost", "/", "Accept", "text/html"); a.code != c.code || !strings.Contains(a.body, c.page) {
			t.Errorf("%v: %d %s", c.fail, a.code, a.body)
		}
	}
	if a := s.get("bob.localhost", "/status"); a.code != 404 || a.json["code"] != "not_found" {
		t.Error(a)
	}
}

// Many visitors who find the connection gone wait for one new one, and each may leave.
func TestVisitorsLeaveWhileDialling(t *testing.T) {
	s := newScene(t)
	n := s.home("alice", 1, http.HandlerFunc(mirror))
	block := make(chan struct{})
	s.relay.mu.Lock()
	s.relay.block = block
	s.relay.mu.Unlock()
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := s.http.Do(s.request("GET", "alice.localhost", "/", nil).WithContext(ctx)); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	stays := make(chan answer)
	go func() { stays <- s.get("alice.localhost", "/") }()
	time.Sleep(50 * time.Millisecond)
	leave()
	wg.Wait()
	close(block)
	if a := <-stays; a.code != 200 {
		t.Error(a)
	}
	if d := n.dials.Load(); d != 1 {
		t.Errorf("%d dials", d)
	}
}

func TestWebSocket(t *testing.T) {
	s := newScene(t)
	up := websocket.Upgrader{CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == "http://"+r.Host }}
	ended := make(chan error, 10)
	n := s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, http.Header{"Set-Cookie": {"a=1; Domain=localhost"}})
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, m, err := c.ReadMessage()
			if err != nil {
				ended <- err
				return
			}
			if err := c.WriteMessage(kind, m); err != nil {
				ended <- err
				return
			}
		}
	}))
	d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return net.Dial("tcp", s.addr) }}
	open := func() *websocket.Conn {
		t.Helper()
		c, res, err := d.Dial("ws://alice.localhost/live?x=1", http.Header{"Origin": {"http://alice.localhost"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Set-Cookie"); got != "a=1" {
			t.Error(got)
		}
		return c
	}
	c := open()
	for i := range 200 {
		// Frames that would be ambiguous heads.
		want := []byte(fmt.Sprintf("%d\n\n \nHost: a\nHost: b\nContent-Length: 1\nContent-Length: 2\n\n%s", i, strings.Repeat("x", i*100)))
		if err := c.WriteMessage(websocket.TextMessage, want); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.ReadMessage(); err != nil || !bytes.Equal(got, want) {
			t.Fatal(i, err)
		}
	}
	if got := s.get("alice.localhost", "/status"); got.code != 200 {
		t.Error(got)
	}
	c.Close() // the visitor leaves without a word
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the node is not told that the visitor left")
	}
	eventually(t, "the connection stays", func() bool { return n.conns() == 0 })
	// The node ends.
	c = open()
	n.cut()
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("the visitor is not told that the node left")
	}
	c.Close()
	// Another protocol is no tunnel.
	res, err := s.raw("GET / HTTP/1.1\r\nHost: alice.localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
	if err != nil || res.StatusCode == 101 {
		t.Error(res, err)
	}
	// The gateway stops, open sockets or not.
	c = open()
	defer c.Close()
	s.stop()
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("a socket outlives the gateway")
	}
}

func TestVisitorVanishes(t *testing.T) {
	s := newScene(t)
	type end struct {
		n   int64
		err error
	}
	ended := make(chan end, 10)
	n := s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/down":
			var e end
			for b := make([]byte, 32<<10); e.err == nil; {
				var k int
				k, e.err = w.Write(b)
				e.n += int64(k)
			}
			ended <- e
		case "/wait":
			<-r.Context().Done()
			ended <- end{0, r.Context().Err()}
		default:
			k, err := io.Copy(io.Discard, r.Body)
			ended <- end{k, err}
		}
	}))
	for name, say := range map[string]string{
		"in a sized body":   "PUT /up HTTP/1.1\r\nHost: alice.localhost\r\nContent-Length: 1000000\r\n\r\nhalf",
		"in a small body":   "PUT /up HTTP/1.1\r\nHost: alice.localhost\r\nContent-Length: 1000\r\n\r\nhalf",
		"in a chunked body": "PUT /up HTTP/1.1\r\nHost: alice.localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"in an answer":      "GET /down HTTP/1.1\r\nHost: alice.localhost\r\n\r\n",
		"before an answer":  "GET /wait HTTP/1.1\r\nHost: alice.localhost\r\n\r\n",
	} {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, say)
		time.Sleep(100 * time.Millisecond)
		if strings.Contains(say, "/down") {
			io.ReadFull(c, make([]byte, 1<<20))
		}
		c.Close()
		select {
		case e := <-ended:
			if e.err == nil {
				t.Errorf("%s: the node took %d bytes for a whole body", name, e.n)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s: the node is not told", name)
		}
	}
	eventually(t, "connections stay", func() bool { return n.conns() <= 1 })
	eventually(t, "requests that ended still count", func() bool {
		s.places.mu.Lock()
		defer s.places.mu.Unlock()
		return len(s.places.taken) == 0
	})
}

// An answer that the node does not finish must not look finished.
func TestNodeDies(t *testing.T) {
	s := newScene(t)
	n := s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/before":
			panic(http.ErrAbortHandler)
		case "/sized":
			w.Header().Set("Content-Length", "1000")
		}
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	for _, size := range []int{0, 100 << 10} {
		if a := s.do("POST", "alice.localhost", "/before", make([]byte, size)); a.code != 502 || a.json["code"] != "upstream_error" {
			t.Error(a)
		}
		for _, path := range []string{"/sized", "/chunks"} {
			res, err := s.http.Do(s.request("POST", "alice.localhost", path, bytes.NewReader(make([]byte, size))))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(res.Body); err == nil {
				t.Errorf("%s: %q passes for a whole answer", path, b)
			}
			res.Body.Close()
		}
	}
	n.stop()
	if a := s.get("alice.localhost", "/"); a.code != 502 {
		t.Error(a)
	}
}

func TestOpenConnections(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Limits = map[string]int{"proxy": 2} })
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for range 8 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || timedOut(err) {
		t.Fatal("one address may open any number of connections:", err)
	}
	for _, c := range open {
		c.Close()
	}
	eventually(t, "connections that ended still count", func() bool {
		res, err := s.http.Get("http://localhost/api/health")
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == 200
	})
}

// Nor is a visitor who does not read: the stream's buffer is bounded and so is its time.
func TestSlowVisitors(t *testing.T) {
	s := newScene(t, func(c *Config) { c.patience = 3 * time.Second })
	var ended atomic.Int64
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/down" {
			io.WriteString(w, "ok")
			return
		}
		defer ended.Add(1)
		for b := make([]byte, 32<<10); ; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}))
	for range 10 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /down HTTP/1.1\r\nHost: alice.localhost\r\n\r\n")
	}
	time.Sleep(50 * time.Millisecond)
	for range 20 {
		if a := s.get("alice.localhost", "/"); a.body != "ok" {
			t.Fatal(a)
		}
	}
	eventually(t, "downloads that nobody reads go on for ever", func() bool { return ended.Load() == 10 })
}

func TestInFlightLimit(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Limits = map[string]int{"proxy": 3} })
	hold := make(chan struct{})
	inside := make(chan struct{}, 10)
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside <- struct{}{}
		<-hold
	}))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if a := s.get("alice.localhost", "/"); a.code != 200 {
				t.Error(a)
			}
		})
	}
	for range 3 {
		<-inside
	}
	if a := s.get("alice.localhost", "/"); a.code != 429 || a.header.Get("Retry-After") != "1" {
		t.Error(a)
	}
	close(hold)
	wg.Wait()
	if a := s.get("alice.localhost", "/"); a.code != 200 {
		t.Error(a)
	}
}

func TestNetworkOfALimit(t *testing.T) {
	for a, b := range map[string]string{"203.0.113.7": "203.0.113.7", "2001:db8:0:1::7": "2001:db8:0:1::", "2001:db8:0:1:ffff::": "2001:db8:0:1::"} {
		if got := network(netip.MustParseAddr(a)); got.String() != b {
			t.Error(a, got)
		}
	}
}

func TestConfig(t *testing.T) {
	reg := names.NewRegistry(names.Config{})
	good := Config{Dialer: &relay{}, Names: reg, Domain: "Example.org."}
	g, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	alice, _ := names.Parse("alice")
	if u := g.URL(alice); u != "https://alice.example.org" {
		t.Error(u)
	}
	for name, change := range map[string]func(*Config){
		"no dialer": func(c *Config) { c.Dialer = nil }, "no names": func(c *Config) { c.Names = nil }, "no domain": func(c *Config) { c.Domain = "" },
		"a bad domain": func(c *Config) { c.Domain = "a b" }, "a port": func(c *Config) { c.Domain = "a:1" }, "a scheme": func(c *Config) { c.Scheme = "ftp" },
		"a listener without a certificate": func(c *Config) { c.HTTPS = &net.TCPListener{} },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Error(name, "is taken")
		}
	}
	good.Port = 8443
	if g, err = New(good); err != nil || g.URL(alice) != "https://alice.example.org:8443" {
		t.Error(err)
	}
}
