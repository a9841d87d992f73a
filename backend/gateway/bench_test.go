package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// proc is a process-wide figure of a benchmark.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	d, err := cpuTime()
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// Small answers by name: how many a second. A request with a body over 64 KiB
// takes a connection of its own, so the second figure is what that costs.
func BenchmarkRequests(b *testing.B) {
	small := bytes.Repeat([]byte("x"), 1<<10)
	for _, c := range []struct {
		name   string
		body   int
		behind func(testing.TB, http.Handler) *scene
	}{
		{"pooled h2c", 0, plainHome}, {"pooled h2c, 1 KiB up", 1 << 10, plainHome}, {"h1 connection each, 65 KiB up", 65 << 10, plainHome},
		{"address, pooled h2c", 0, addressed}, {"address, h1 connection each, 65 KiB up", 65 << 10, addressed},
		{"relay, pooled h2c", 0, relayed}, {"relay, h1 connection each, 65 KiB up", 65 << 10, relayed},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Length", "1024")
				w.Write(small)
			})
			s := c.behind(b, h)
			body := make([]byte, c.body)
			b.SetParallelism(16)
			b.ReportAllocs()
			began := cpu(b)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					method, r := "GET", io.Reader(nil)
					if c.body > 0 {
						method, r = "POST", bytes.NewReader(body)
					}
					res, err := s.http.Do(s.request(method, "alice.localhost", "/", r))
					if err != nil {
						b.Error(err)
						return
					}
					if n, err := io.Copy(io.Discard, res.Body); n != 1024 || err != nil {
						b.Error(n, err)
					}
					res.Body.Close()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
			b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(b.N), "cpu-µs/req")
		})
	}
}

// BenchmarkDirect is the same answer without a gateway: what client and node
// alone cost on this machine.
func BenchmarkDirect(b *testing.B) {
	small := bytes.Repeat([]byte("x"), 1<<10)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1024")
		w.Write(small)
	})}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }()
	defer func() { srv.Close(); <-done }()
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr}
	b.SetParallelism(16)
	began := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := c.Get("http://" + l.Addr().String())
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(b.N), "cpu-µs/req")
}

// plainHome puts a node behind TCP alone: what the gateway costs without the relay's boxes.
func plainHome(t testing.TB, h http.Handler) *scene {
	s := newScene(t)
	s.home("alice", 1, h)
	return s
}

// addressed puts a node at an address of its own, which it has proved.
func addressed(t testing.TB, h http.Handler) *scene {
	s := newScene(t, direct)
	s.home("alice", 1, http.NotFoundHandler())
	at := housed(t, key(1), "127.0.0.1", h).at
	if a := s.reach(key(1), at.Port()); a.json["reached"] != true {
		t.Fatal(a)
	}
	return s
}

// One GiB each way; the heap must not follow.
func BenchmarkStream(b *testing.B) {
	const size = 1 << 30
	for _, c := range []struct {
		name   string
		up     bool
		behind func(testing.TB, http.Handler) *scene
	}{{"down", false, plainHome}, {"up", true, plainHome}, {"address, down", false, addressed}, {"address, up", true, addressed}, {"relay, down", false, relayed}, {"relay, up", true, relayed}} {
		up := c.up
		b.Run(c.name, func(b *testing.B) {
			chunk := make([]byte, 256<<10)
			s := c.behind(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if up {
					n, err := io.Copy(io.Discard, r.Body)
					fmt.Fprint(w, n, err)
					return
				}
				w.Header().Set("Content-Length", fmt.Sprint(size))
				for range size / len(chunk) {
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
			}))
			s.http.Timeout = 0
			var most atomic.Uint64
			stop := make(chan struct{})
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				var m runtime.MemStats
				for {
					select {
					case <-stop:
						return
					case <-time.After(100 * time.Millisecond):
						runtime.ReadMemStats(&m)
						most.Store(max(most.Load(), m.HeapInuse))
					}
				}
			}()
			b.SetBytes(size)
			began := cpu(b)
			for b.Loop() {
				if up {
					r := s.request("PUT", "alice.localhost", "/", &countdown{left: size})
					r.ContentLength = size
					if a := s.send(r); a.body != fmt.Sprint(size, nil) {
						b.Fatal(a)
					}
					continue
				}
				res, err := s.http.Do(s.request("GET", "alice.localhost", "/", nil))
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, chunk); n != size || err != nil {
					b.Fatal(n, err)
				}
				res.Body.Close()
			}
			b.ReportMetric((cpu(b)-began).Seconds()/float64(b.N), "cpu-s/GiB")
			close(stop)
			<-watched
			b.ReportMetric(float64(most.Load())/(1<<20), "heap-MiB")
		})
	}
}
