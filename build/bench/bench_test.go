//go:build linux

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestStatTicks(t *testing.T) {
	const line = "42 (a b) c) S 1 42 42 0 -1 4194560 500 600 0 0 11 22 33 44 20 0 7 0 123 1000 10 18446744073709551615"
	if n, err := statTicks(line); n != 11+22+33+44 || err != nil {
		t.Error(n, err)
	}
	if _, err := statTicks("42 (x) S 1"); err == nil {
		t.Error("a short line passed")
	}
}

func TestMetersCountWork(t *testing.T) {
	m, err := startMeter([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		if _, err := os.ReadFile("/proc/self/stat"); err != nil {
			t.Fatal(err)
		}
	}
	c, err := m.stop()
	if err != nil || c.Server < 10*time.Millisecond || c.Client < 10*time.Millisecond || c.Wall < 300*time.Millisecond {
		t.Error(c, err)
	}
}

func TestSeries(t *testing.T) {
	s := series{5, 1, 4, 2}
	if s.median() != 3 || s.quantile(0.99) != 5 || s.quantile(0) != 1 || (series{}).median() != 0 {
		t.Error(s.median(), s.quantile(0.99), s.quantile(0))
	}
	f := figure{PC2: series{1, 2, 3}, Nginx: series{2, 2, 2}}
	if f.done(); f.Ratio != 1 {
		t.Error(f.Ratio)
	}
}

// The client against net/http's server: bodies with a length, in chunks, and none.
func TestConn(t *testing.T) {
	p := newPattern()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			n := int64(0)
			b := make([]byte, 1000)
			check := expect(p, 0)
			for {
				k, err := r.Body.Read(b)
				if check(b[:k]) != nil {
					w.WriteHeader(http.StatusTeapot)
					return
				}
				if n += int64(k); err == io.EOF {
					break
				}
			}
			w.Header().Set("X-Length", strconv.FormatInt(n, 10))
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/chunks":
			for i := range 100 {
				w.Write(p[i*10_000:][:10_000])
				w.(http.Flusher).Flush()
			}
		default:
			w.Write(p[:1000])
		}
	}))
	defer srv.Close()
	c, err := dial(srv.Listener.Addr().String(), "X-Test: 1\r\n")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, size := range []int64{0, 10, 64 << 10, 64<<10 + 1, 3 << 20} {
		if status, err := c.put("/x", p, size); status != 204 || err != nil {
			t.Fatal(size, status, err)
		}
	}
	for target, want := range map[string]int{"/": 1000, "/chunks": 1_000_000} {
		got, check := 0, expect(p, 0)
		status, err := c.get(target, "X-More: 1\r\n", func(b []byte) error { got += len(b); return check(b) })
		if status != 200 || err != nil || got != want {
			t.Error(target, status, got, err)
		}
	}
	if expect(p, 5)(p[:9]) == nil {
		t.Error("wrong bytes passed")
	}
}

func TestConnSaysWhatIsWrong(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc":               "EOF",
		"HTTP/1.1 200 OK\r\n\r\nabc":                                    "length",
		"SSH-2.0-x\r\n\r\n":                                             "answer",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n1": "chunk",
	} {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, answer)
			c.Close()
		}()
		c, err := dial(l.Addr().String(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.answer(nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", answer, err)
		}
		c.close()
		l.Close()
	}
}

func TestForget(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	left, err := forget(dir)
	if err != nil || left < 0 || left > 1 { // a file system in memory keeps all
		t.Error(left, err)
	}
}
