package gather

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire counts writes, and holds them up while it is locked.
type wire struct {
	net.Conn
	writes atomic.Int64
	gate   chan struct{} // nil: open
	begun  chan struct{} // one value for each write at the gate
	closed atomic.Bool
}

func (w *wire) Write(p []byte) (int, error) {
	w.writes.Add(1)
	if w.gate != nil {
		w.begun <- struct{}{}
		<-w.gate
	}
	return w.Conn.Write(p)
}

func (w *wire) Close() error {
	w.closed.Store(true)
	return w.Conn.Close()
}

func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	far.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func write(t *testing.T, c net.Conn, p string) {
	t.Helper()
	if n, err := c.Write([]byte(p)); n != len(p) || err != nil {
		t.Fatal(n, err)
	}
}

func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("%q, %v", b, err)
	}
}

// Everything arrives, once and in order, whatever the sizes.
func TestOrder(t *testing.T) {
	near, far := pair(t)
	g := New(near)
	data := make([]byte, 8<<20)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	go func() {
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN([]int{40, 3000, 100_000}[rand.IntN(3)]))
			if m, err := g.Write(rest[:n]); m != n || err != nil {
				t.Error(m, err)
				return
			}
			rest = rest[n:]
		}
		g.Close()
	}()
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, data) {
		t.Error(len(got), err)
	}
}

// What comes while a write is under way leaves with one write.
func TestTogether(t *testing.T) {
	near, far := pair(t)
	w := &wire{Conn: near, gate: make(chan struct{}), begun: make(chan struct{}, 100)}
	g := New(w)
	write(t, g, "first ")
	<-w.begun
	for range 50 {
		write(t, g, "more ")
	}
	close(w.gate)
	read(t, far, "first "+string(bytes.Repeat([]byte("more "), 50)))
	if n := w.writes.Load(); n != 2 {
		t.Error(n, "writes")
	}
	g.Close()
	read(t, far, "")
}

// A large write is not taken before the small ones in front of it are gone, and a
// small one waits when there is no room.
func TestRoom(t *testing.T) {
	near, far := pair(t)
	w := &wire{Conn: near, gate: make(chan struct{}), begun: make(chan struct{}, 100)}
	g := New(w)
	write(t, g, "a")
	<-w.begun
	piece := string(bytes.Repeat([]byte("b"), large))
	for range most / large {
		write(t, g, piece)
	}
	full := make(chan bool)
	go func() {
		write(t, g, piece)
		write(t, g, piece+"c")
		full <- true
	}()
	select {
	case <-full:
		t.Error("more than there is room for was taken")
	case <-time.After(20 * time.Millisecond): // it can only pass wrongly
	}
	close(w.gate)
	<-full
	g.Close()
	if b, err := io.ReadAll(far); err != nil || len(b) != 1+(most/large+2)*large+1 {
		t.Error(len(b), err)
	}
}

func TestClose(t *testing.T) {
	t.Run("what was taken leaves", func(t *testing.T) {
		near, far := pair(t)
		w := &wire{Conn: near, gate: make(chan struct{}), begun: make(chan struct{}, 100)}
		g := New(w)
		write(t, g, "one ")
		<-w.begun
		write(t, g, "two")
		reading := make(chan error)
		go func() {
			_, err := g.Read(make([]byte, 1))
			reading <- err
		}()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if err := <-reading; !errors.Is(err, net.ErrClosed) {
			t.Error("the reader gets", err)
		}
		if _, err := g.Write([]byte("three")); !errors.Is(err, net.ErrClosed) {
			t.Error("the writer gets", err)
		}
		if err := g.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Error("a deadline after Close:", err)
		}
		if w.closed.Load() {
			t.Error("closed before its last bytes")
		}
		close(w.gate)
		if b, err := io.ReadAll(far); string(b) != "one two" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("at once when nothing waits", func(t *testing.T) {
		near, far := pair(t)
		w := &wire{Conn: near}
		g := New(w)
		g.Close()
		if !w.closed.Load() {
			t.Error("open")
		}
		if b, err := io.ReadAll(far); len(b) > 0 || err != nil {
			t.Error(b, err)
		}
	})
}

// An error of the wire reaches the next writer, and nobody waits for ever.
func TestError(t *testing.T) {
	near, _ := pair(t)
	g := New(near)
	g.SetWriteDeadline(time.Unix(1, 0))
	write(t, g, "taken")
	var err error
	for err == nil { // until the goroutine has tried
		_, err = g.Write([]byte("x"))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if _, err := g.Write(make([]byte, most)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	g.Close()
}

// Writers that wait are sent away by Close.
func TestCloseUnderWriters(t *testing.T) {
	near, _ := pair(t)
	w := &wire{Conn: near, gate: make(chan struct{}), begun: make(chan struct{}, 100)}
	g := New(w)
	write(t, g, "a")
	<-w.begun
	over := make(chan error, 2)
	for _, n := range []int{most, large} {
		go func() {
			var err error
			for err == nil {
				_, err = g.Write(make([]byte, n))
			}
			over <- err
		}()
	}
	g.Close()
	for range 2 {
		if err := <-over; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	close(w.gate)
}
