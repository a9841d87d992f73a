package gather

import (
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	// most is how many bytes wait at once. They leave in one write, and this is what
	// one packet of a relay carries.
	most = 65492
	// large writes are not gathered: to copy them would cost more than it saves.
	large = most / 4
	// kept is the size up to which a buffer is kept for the next bytes.
	kept = 16 << 10
	// lastTime is for what waits when the connection is closed.
	lastTime = 5 * time.Second
)

// Conn gathers small writes. Like a socket it has taken what Write returns from; that
// it could not be sent, a later Write says.
type Conn struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond // nobody writes any more, or there is room
	waiting []byte    // not empty only while somebody writes, who will write it too
	spare   []byte
	writing bool
	closed  bool
	err     error
}

// New returns c with its small writes gathered.
func New(c net.Conn) *Conn {
	g := &Conn{Conn: c}
	g.changed.L = &g.mu
	return g
}

// Write takes a small p and returns. It waits where much is waiting already; a
// large p it writes itself.
func (g *Conn) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		switch {
		case g.closed:
			return 0, net.ErrClosed
		case g.err != nil:
			return 0, g.err
		case len(p) > large && !g.writing:
			g.writing = true
			n, err := g.send(p)
			if len(g.waiting) > 0 { // of somebody who came meanwhile
				go g.flush()
			} else {
				g.rest()
			}
			return n, err
		case len(p) <= large && len(g.waiting)+len(p) <= most:
			g.waiting = append(g.waiting, p...)
			if !g.writing {
				g.writing = true
				go g.flush()
			}
			return len(p), nil
		}
		g.changed.Wait()
	}
}

// flush writes what waits until nothing does.
func (g *Conn) flush() {
	runtime.Gosched() // who is about to write more, writes before
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 && g.err == nil {
		b := g.waiting
		g.waiting, g.spare = g.spare, nil
		g.changed.Broadcast() // there is room
		g.send(b)
		if cap(b) <= kept {
			g.spare = b[:0]
		}
	}
	g.rest()
}

// send writes b without mu, which the caller has.
func (g *Conn) send(b []byte) (int, error) {
	g.mu.Unlock()
	n, err := g.Conn.Write(b)
	g.mu.Lock()
	if g.err == nil {
		g.err = err
	}
	return n, err
}

// rest is for who has written last.
func (g *Conn) rest() {
	g.writing, g.waiting = false, g.waiting[:0]
	g.changed.Broadcast()
	if g.closed {
		g.Conn.Close() // nobody is there to hear of it
	}
}

// Read reads, with the error of a closed connection once it is one.
func (g *Conn) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.closed {
			err = net.ErrClosed
		}
	}
	return n, err
}

// Close closes the connection, as soon as what waits is written or 5 s are over; it
// does not wait for that. Reads and Writes end at once.
func (g *Conn) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	g.changed.Broadcast()
	if !g.writing {
		return g.Conn.Close()
	}
	g.Conn.SetReadDeadline(time.Unix(1, 0))
	g.Conn.SetWriteDeadline(time.Now().Add(lastTime))
	return nil
}

// NetConn is the connection below.
func (g *Conn) NetConn() net.Conn { return g.Conn }

// SetDeadline and its halves are those of the connection below: a write that
// misses its deadline is of what was taken before.
func (g *Conn) SetDeadline(t time.Time) error      { return g.deadline(g.Conn.SetDeadline, t) }
func (g *Conn) SetReadDeadline(t time.Time) error  { return g.deadline(g.Conn.SetReadDeadline, t) }
func (g *Conn) SetWriteDeadline(t time.Time) error { return g.deadline(g.Conn.SetWriteDeadline, t) }

func (g *Conn) deadline(set func(time.Time) error, t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed { // Close has set its own
		return net.ErrClosed
	}
	return set(t)
}
