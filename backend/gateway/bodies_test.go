package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// stall opens connections whose requests have bodies that do not go on, and
// returns those that the gateway has to end.
func (s *scene) stall() (open []net.Conn) {
	s.t.Helper()
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unread" {
			<-r.Context().Done() // a handler that does not read its body
			return
		}
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	}))
	for i := range 30 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { c.Close() })
		switch i % 3 {
		case 0: // whole, and unread
			io.WriteString(c, "PUT /unread HTTP/1.1\r\nHost: alice.localhost\r\nContent-Length: 65536\r\n\r\n"+strings.Repeat("x", 65536))
		case 1:
			io.WriteString(c, "PUT / HTTP/1.1\r\nHost: alice.localhost\r\nContent-Length: 60000\r\n\r\nhalf")
			open = append(open, c)
		case 2:
			io.WriteString(c, "PUT / HTTP/1.1\r\nHost: alice.localhost\r\nContent-Length: 6000000\r\n\r\nhalf")
			open = append(open, c)
		}
	}
	return open
}

// An upload that stands still is nobody else's trouble: the patience with it is
// longer here than that of the others.
func TestStalledUploads(t *testing.T) {
	s := newScene(t)
	s.stall()
	for range 20 {
		if a := s.do("POST", "alice.localhost", "/", make([]byte, 60<<10)); a.body != "ok" {
			t.Fatal(a)
		}
	}
}

// Nor is it for ever its own.
func TestStalledUploadsEnd(t *testing.T) {
	s := newScene(t, func(c *Config) { c.patience = 2 * time.Second })
	for i, c := range s.stall() {
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		r := bufio.NewReader(c)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		io.Copy(io.Discard, res.Body)
		if res.Body.Close(); res.StatusCode != 408 {
			t.Error(i, res.StatusCode)
		}
		if _, err := r.ReadByte(); err == nil || timedOut(err) {
			t.Error(i, "the connection stays:", err)
		}
	}
}

// Nor does a body that nobody wants keep its connection.
func TestUnwantedBodies(t *testing.T) {
	s := newScene(t, func(c *Config) { c.patience = 2 * time.Second })
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(413) }))
	for say, code := range map[string]int{
		"PUT / HTTP/1.1\r\nHost: nobody.localhost\r\nContent-Length: 1000\r\n\r\nhalf":               404,
		"POST /api/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nhalf":      413,
		"PUT / HTTP/1.1\r\nHost: alice.localhost\r\nContent-Length: 100000\r\n\r\nhalf":              413,
		"PUT / HTTP/1.1\r\nHost: alice.localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n": 413,
	} {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(c, say)
		r := bufio.NewReader(c)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Errorf("%v: %s", err, say)
			continue
		}
		io.Copy(io.Discard, res.Body)
		if res.Body.Close(); res.StatusCode != code {
			t.Error(res.StatusCode, say)
		}
		if _, err := r.ReadByte(); err == nil || timedOut(err) {
			t.Errorf("the connection stays: %v, %s", err, say)
		}
	}
}

// A connection carries the next request when the body was read, whole, and only then.
func TestWhatFollowsABody(t *testing.T) {
	s := newScene(t, func(c *Config) { c.patience = 2 * time.Second })
	var served atomic.Int64
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		if r.URL.Path == "/early" {
			w.WriteHeader(413)
			return
		}
		io.Copy(io.Discard, r.Body)
	}))
	next := "GET /next HTTP/1.1\r\nHost: alice.localhost\r\n\r\n"
	for _, body := range []int{10, 100 << 10} {
		put := func(path string) string {
			return fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: alice.localhost\r\nContent-Length: %d\r\n\r\n", path, body)
		}
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(30 * time.Second))
		served.Store(0)
		io.WriteString(c, put("/whole")+strings.Repeat("x", body)+next)
		r := bufio.NewReader(c)
		for range 2 {
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			res.Body.Close()
		}
		io.WriteString(c, put("/early"))
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != 413 || !res.Close {
			t.Fatal(res, err)
		}
		res.Body.Close()
		io.WriteString(c, next+next) // a part of the body, which looks like something else
		if b, err := io.ReadAll(r); len(b) != 0 || timedOut(err) || served.Load() != 3 {
			t.Errorf("%q, %v, %d served", b, err, served.Load())
		}
	}
}

// A node refuses an upload and closes at once, as net/http does: its answer
// arrives although what follows it breaks.
func TestRefusedUpload(t *testing.T) {
	s := newScene(t)
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) }))
	const size = 1 << 20
	for range 50 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(30 * time.Second))
		go io.WriteString(c, fmt.Sprintf("PUT / HTTP/1.1\r\nHost: alice.localhost\r\nContent-Length: %d\r\n\r\n", size)+strings.Repeat("x", size)) // breaks
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		c.Close()
		if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatal(res, err)
		}
	}
}
