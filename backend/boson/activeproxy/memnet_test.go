package activeproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// memnet is a network in memory, whose connections buffer as sockets do, for
// tests in virtual time: a real socket does not tell synctest that it waits.
type memnet struct {
	mu        sync.Mutex
	listeners map[string]*memListener
	next      int
	dialled   int
}

func newMemnet() *memnet { return &memnet{listeners: map[string]*memListener{}, next: 40000} }

func (n *memnet) listen(_ context.Context, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if port == "0" {
		n.next++
		port = strconv.Itoa(n.next)
	}
	address = net.JoinHostPort(host, port)
	if n.listeners[address] != nil {
		return nil, fmt.Errorf("%s is taken", address)
	}
	l := &memListener{net: n, address: address, queue: make(chan *memConn, 1024), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

func (n *memnet) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[address]
	n.dialled++
	n.next++
	from := "192.0.2.1:" + strconv.Itoa(n.next)
	n.mu.Unlock()
	if l == nil {
		return nil, errors.New("connection refused")
	}
	a, b := memPipe(from, address)
	select {
	case l.queue <- b:
		return a, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type memListener struct {
	net     *memnet
	address string
	queue   chan *memConn
	once    sync.Once
	closed  chan struct{}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, l.address)
		l.net.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *memListener) Addr() net.Addr { return memAddr(l.address) }

func memAddr(s string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		panic(err)
	}
	return a
}

// memBuffer is what a direction of a memConn holds at most.
const memBuffer = 128 << 10

// memHalf is one direction.
type memHalf struct {
	mu           sync.Mutex
	cond         *sync.Cond
	data         []byte
	eof, reset   bool // no more will come; the reader is gone
	rdead, wdead time.Time
	rtime, wtime *time.Timer
}

func newMemHalf() *memHalf {
	h := &memHalf{}
	h.cond = sync.NewCond(&h.mu)
	return h
}

func past(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (h *memHalf) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reset:
			return 0, net.ErrClosed
		case past(h.rdead):
			return 0, os.ErrDeadlineExceeded
		case len(h.data) > 0:
			n := copy(p, h.data)
			h.data = h.data[n:]
			h.cond.Broadcast()
			return n, nil
		case h.eof:
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

func (h *memHalf) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.eof || h.reset:
			return n, net.ErrClosed
		case past(h.wdead):
			return n, os.ErrDeadlineExceeded
		}
		part := p[n:min(len(p), n+memBuffer-len(h.data))]
		h.data = append(h.data, part...)
		n += len(part)
		h.cond.Broadcast()
		if n == len(p) {
			return n, nil
		}
		h.cond.Wait()
	}
}

func (h *memHalf) deadline(dead *time.Time, timer **time.Timer, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*dead = t
	if *timer != nil {
		(*timer).Stop()
	}
	if !t.IsZero() {
		*timer = time.AfterFunc(time.Until(t), func() {
			h.mu.Lock()
			h.cond.Broadcast()
			h.mu.Unlock()
		})
	}
	h.cond.Broadcast()
}

func (h *memHalf) end(flag *bool) {
	h.mu.Lock()
	*flag = true
	h.cond.Broadcast()
	h.mu.Unlock()
}

type memConn struct {
	in, out       *memHalf
	local, remote net.Addr
}

func memPipe(a, b string) (*memConn, *memConn) {
	x, y := newMemHalf(), newMemHalf()
	return &memConn{x, y, memAddr(a), memAddr(b)}, &memConn{y, x, memAddr(b), memAddr(a)}
}

func (c *memConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *memConn) CloseWrite() error           { c.out.end(&c.out.eof); return nil }
func (c *memConn) LocalAddr() net.Addr         { return c.local }
func (c *memConn) RemoteAddr() net.Addr        { return c.remote }

func (c *memConn) Close() error {
	c.out.end(&c.out.eof)
	c.in.end(&c.in.reset)
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.deadline(&c.in.rdead, &c.in.rtime, t)
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.deadline(&c.out.wdead, &c.out.wtime, t)
	return nil
}

func TestMemnet(t *testing.T) {
	a, b := memPipe("192.0.2.1:1", "192.0.2.2:2")
	big := make([]byte, 3*memBuffer)
	go func() {
		a.Write(big)
		a.CloseWrite()
	}()
	if got, err := io.ReadAll(b); len(got) != len(big) || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	b.SetReadDeadline(time.Now().Add(time.Millisecond))
	b.Write([]byte("x"))
	a.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, err := a.Read(big); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := a.Read(big); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	a.Close()
	if _, err := b.Write(big); err == nil {
		t.Error("written to nobody")
	}
}
