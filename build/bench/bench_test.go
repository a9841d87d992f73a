//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
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
	c, err := dial(srv.Listener.Addr().String(), "", "X-Test: 1\r\n")
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
		c, err := dial(l.Addr().String(), "", "")
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

// Home, and what asks it.
func TestHome(t *testing.T) {
	srv := httptest.NewServer(newSource())
	defer srv.Close()
	s := &server{name: "home", addr: srv.Listener.Addr().String(), read: "/bytes/", write: "/sink/", also: []*server{{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}}}
	if _, err := s.download(steadyPattern(), "3000000", 3_000_000, true); err != nil {
		t.Error(err)
	}
	for _, up := range []bool{false, true} {
		for _, n := range []int{1, 3} {
			if c, err := s.streams(steadyPattern(), n, 6<<20, up); err != nil || c.Wall <= 0 {
				t.Error(n, up, c, err)
			}
		}
	}
	took, err := s.paced(200, 300*time.Millisecond)
	if err != nil || len(took) == 0 || len(took) > 60 {
		t.Error(len(took), err)
	}
	s.read = "/nowhere/"
	if _, err := s.streams(steadyPattern(), 1, 1<<20, false); err == nil {
		t.Error("a download of nothing passed")
	}
}

func TestPlainRelay(t *testing.T) {
	srv := httptest.NewServer(newSource())
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ready, over := filepath.Join(t.TempDir(), "ready"), make(chan error, 1)
	go func() { over <- relay(ctx, []string{ready, srv.Listener.Addr().String()}) }()
	var e ends
	if err := (&server{}).waitReady(t.Context(), ready, &e); err != nil {
		t.Fatal(err)
	}
	c, err := dial(e.Direct, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := (&server{}).one(c); err != nil {
		t.Error(err)
	}
	c.close()
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

func TestFamily(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo; read x; kill $!")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // now sleep is there
		t.Fatal(err)
	}
	_, err = os.Stat(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	if got := family(cmd.Process.Pid); err == nil && len(got) != 2 {
		t.Error(got)
	}
	in.Close()
	cmd.Wait()
}

func TestTable(t *testing.T) {
	own := &figure{Name: "a", PC2: series{2}, Nginx: series{4}, MostRatio: 1.5}
	if rows := table([]*figure{own}); len(rows[0]) != 6 || rows[1][4] != "0.50" || rows[1][5] != "ratio ≤ 1.50" {
		t.Error(rows)
	}
	own.beside(series{-3}, nil)
	if rows := table([]*figure{own}); rows[1][6] != "-3.00" || rows[1][7] != "" {
		t.Error(rows)
	}
}
