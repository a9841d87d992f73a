package gateway

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// When who is ended, in virtual time.
func TestStanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStanding(standTime)
		var began time.Time
		var writes []*write
		ended := map[int]time.Duration{} // when
		add := func(n int) {
			began, writes = time.Now(), nil
			clear(ended)
			for i := range n {
				w := &write{end: func() { ended[i] = time.Since(began) }}
				writes = append(writes, w)
				s.begin(w, began)
			}
		}
		all := func() map[int]time.Duration {
			synctest.Wait()
			s.mu.Lock() // end is called with it
			defer s.mu.Unlock()
			return maps.Clone(ended)
		}
		done := func() {
			for _, w := range writes {
				s.done(w)
			}
		}

		add(freely)
		time.Sleep(time.Hour)
		if ended := all(); len(ended) != 0 {
			t.Error("ended although there is room:", ended)
		}
		late := &write{end: func() { t.Error("the newcomer is ended") }}
		s.begin(late, time.Now())
		if ended := all(); len(ended) != 1 || ended[0] != time.Hour {
			t.Error("not the one that stands there longest:", ended)
		}
		s.done(late)
		done()

		// 128 at once: 2.5 s for the first, and more for those that come to be fewer.
		add(128)
		time.Sleep(2499 * time.Millisecond)
		if ended := all(); len(ended) != 0 {
			t.Error("too soon:", ended)
		}
		time.Sleep(time.Millisecond)
		if ended := all(); len(ended) != 1 || ended[0] != 2500*time.Millisecond {
			t.Error("not the first, or not in time:", ended)
		}
		s.done(writes[0]) // its write has failed now
		time.Sleep(time.Hour)
		if ended := all(); len(ended) != 128-freely {
			t.Error(len(ended), "ended")
		}
		if at := all()[128-freely-1]; at < 9*time.Second || at > standTime {
			t.Error("the last one was ended after", at)
		}
		done()

		// A thousand: nobody has less than leastTime, and nobody who moves is ended.
		add(1000)
		for range 20 {
			time.Sleep(leastTime - time.Millisecond)
			for _, w := range writes {
				s.done(w)
				s.begin(w, time.Now())
			}
		}
		if ended := all(); len(ended) != 0 {
			t.Error(len(ended), "ended that moved")
		}
		done()
	})
}

// Many downloads that stand still, and what they hold.
func TestStalledDownloads(t *testing.T) {
	const visitors = 256
	var flowing atomic.Int64
	s := newScene(t, func(c *Config) { c.standTime = time.Second })
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/endless" {
			io.WriteString(w, "ok")
			return
		}
		flowing.Add(1)
		defer flowing.Add(-1)
		piece := make([]byte, 64<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { return c.Control(smallBuffer) }}
	for range visitors {
		c, err := small.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /endless HTTP/1.1\r\nHost: alice.localhost\r\n\r\n")
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if res, err := http.ReadResponse(bufio.NewReaderSize(c, 16), nil); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
	}
	within(t, time.Minute, "all of them stay", func() bool { return flowing.Load() <= freely })
	var m runtime.MemStats
	within(t, time.Minute, "much is held still", func() bool {
		runtime.GC()
		runtime.GC() // what pools have kept
		runtime.ReadMemStats(&m)
		return m.HeapAlloc < 72<<20
	})
	t.Logf("%d are left, and %d MiB", flowing.Load(), m.HeapAlloc>>20)
	if a := s.get("alice.localhost", "/"); a.body != "ok" {
		t.Error(a)
	}
}

func within(t testing.TB, d time.Duration, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for !f() {
		select {
		case <-ctx.Done():
			t.Fatal(what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
