package activeproxy

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pc2/backend/boson"
)

const (
	// handshakeLimit is for the end of a tunnel: a client that never says DISCONNECT.
	handshakeLimit = 30 * time.Second
	// stuckLimit is how long Close lets a Write in progress finish its packet; the
	// link cannot be used again if it does not.
	stuckLimit = 5 * time.Second
)

// Conn is one visitor's connection through the relay, at the device as at the
// relay. Packets are read by the goroutine that calls Read, into its own
// slice if that is large enough, and nothing is read ahead: the visitor's pace is the
// reader's. As with TLS, a Write that misses its deadline ends the connection.
//
// CloseWrite tells the other end that no more comes. Active Proxy has no half-close:
// the reference client and a relay answer by ending the connection, our device
// goes on sending until its side is closed too.
type Conn struct {
	link          *link
	channel       *channel
	local, remote net.Addr

	// rmu is held by who reads packets: a Read, and after Close the link's owner.
	rmu    sync.Mutex
	rest   []byte  // opened and not read
	plain  *buffer // holds rest
	ended  bool    // DISCONNECT has come
	answer bool    // DISCONNECT_ACK has come

	// wmu is held by a Write; mu is taken before it and link.wmu after it. After
	// Close only the holder of wmu sends DISCONNECT, so that no Write comes later than
	// that: the link may belong to the next visitor then.
	wmu sync.Mutex

	mu     sync.Mutex  // orders what the user wants before Close
	sent   atomic.Bool // DISCONNECT is posted
	closed atomic.Bool
	done   chan struct{}
}

func newConn(l *link, c *channel, remote net.Addr) *Conn {
	return &Conn{link: l, channel: c, local: l.conn.LocalAddr(), remote: remote, done: make(chan struct{})}
}

// RemoteAddr is the visitor's address, as the relay has told it.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// LocalAddr is this end of the connection between device and relay.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// PrefaceKey is the key with which the relay proves to the device that its own
// gateway opened the connection, and no visitor of the mapped port. It belongs to
// the session; both ends compute the same.
func (c *Conn) PrefaceKey() [32]byte { return c.channel.Box().Derive(prefaceInfo) }

// Read reads what the visitor (or, at the relay, the device) has sent; io.EOF
// follows its DISCONNECT.
func (c *Conn) Read(p []byte) (int, error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if len(c.rest) == 0 {
		sealed, err := c.incoming()
		if err != nil {
			return 0, err
		}
		if plain := len(sealed) - boson.ContextOverhead; plain <= len(p) {
			return c.open(p[:0:plain], sealed)
		}
		c.plain = c.link.pool.get()
		n, err := c.open(c.plain[:0], sealed)
		c.keep(c.plain[:n])
		if err != nil {
			return 0, err
		}
	} else if c.closed.Load() {
		return 0, net.ErrClosed
	}
	n := copy(p, c.rest)
	c.keep(c.rest[n:])
	return n, nil
}

// WriteTo copies until the other end has no more. While nothing comes it holds
// no buffer.
func (c *Conn) WriteTo(w io.Writer) (total int64, err error) {
	for {
		plain, n, err := c.take()
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		m, err := w.Write(plain[:n])
		c.link.pool.put(plain)
		total += int64(m)
		if err != nil {
			return total, err
		}
	}
}

// take returns the next bytes in a buffer of the pool. The caller passes them on
// without rmu, however long that takes.
func (c *Conn) take() (plain *buffer, n int, err error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if len(c.rest) > 0 {
		plain = c.link.pool.get()
		n = copy(plain[:], c.rest)
		c.keep(nil)
		return plain, n, nil
	}
	sealed, err := c.incoming()
	if err != nil {
		return nil, 0, err
	}
	plain = c.link.pool.get()
	n, err = c.open(plain[:0], sealed)
	if err != nil {
		c.link.pool.put(plain)
	}
	return plain, n, err
}

// incoming waits for DATA and returns the message in it. The caller has rmu.
func (c *Conn) incoming() (sealed []byte, err error) {
	for {
		if c.closed.Load() {
			return nil, net.ErrClosed
		}
		if c.ended {
			return nil, io.EOF
		}
		k, packet, err := c.link.packet()
		if err != nil {
			if c.closed.Load() {
				err = net.ErrClosed
			}
			return nil, err
		}
		if k == data {
			return packet[headerSize:], nil
		}
		if err := c.control(k); err != nil {
			return nil, err
		}
	}
}

func (c *Conn) open(dst, sealed []byte) (int, error) {
	plain, err := c.channel.open(dst, sealed)
	if err != nil {
		c.link.fail(err)
		return 0, c.link.lost()
	}
	c.link.settle()
	return len(plain), nil
}

// control takes the packets without content that may come during and after a
// tunnel. The caller has rmu.
func (c *Conn) control(k kind) error {
	switch {
	case k == disconnect && !c.ended:
		c.ended = true
		c.link.post(postDisconnectAck)
		return nil
	case k == disconnectAck && !c.answer && c.sent.Load():
		c.answer = true
		return nil
	}
	return c.link.heartbeat(k)
}

// keep holds what was opened and not read.
func (c *Conn) keep(rest []byte) {
	c.rest = rest
	if len(rest) == 0 && c.plain != nil {
		c.link.pool.put(c.plain)
		c.rest, c.plain = nil, nil
	}
}

// Write sends p in packets as large as they may be, one write each.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.wmu.Lock()
	n, err = c.write(p)
	c.wmu.Unlock()
	if c.closed.Load() {
		c.farewell()
		if n < len(p) {
			err = net.ErrClosed
		}
	}
	return n, err
}

func (c *Conn) write(p []byte) (n int, err error) {
	if c.closed.Load() || c.sent.Load() {
		return 0, net.ErrClosed
	}
	defer c.link.unlock()
	if err := c.link.lock(); err != nil {
		return 0, err
	}
	buf := c.link.pool.get()
	defer c.link.pool.put(buf)
	for n < len(p) {
		if c.closed.Load() || c.sent.Load() {
			return n, net.ErrClosed
		}
		part := p[n:]
		switch {
		case len(part) >= 2*maxData:
			part = part[:maxData]
		case len(part) > maxData: // two halves cost less than a full packet and a crumb
			part = part[:len(part)/2]
		}
		if err := c.link.write(appendData(buf[:0], part, c.channel, dice{})); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// ReadFrom copies until r has no more. It starts with a small buffer and takes a
// large one while r fills it: a silent visitor costs little memory.
func (c *Conn) ReadFrom(r io.Reader) (total int64, err error) {
	small := make([]byte, 4096)
	var large *buffer
	defer func() {
		if large != nil {
			c.link.pool.put(large)
		}
	}()
	for {
		buf := small
		if large != nil {
			buf = large[:maxData]
		}
		n, err := r.Read(buf)
		if n > 0 {
			m, err := c.Write(buf[:n])
			total += int64(m)
			if err != nil {
				return total, err
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		switch {
		case large == nil && n == len(small):
			large = c.link.pool.get()
		case large != nil && n < len(small):
			c.link.pool.put(large)
			large = nil
		}
	}
}

// CloseWrite sends DISCONNECT. What the other end still sends can be read.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return net.ErrClosed
	}
	c.goodbye()
	return nil
}

// Close ends the connection for both sides and returns at once; the link's owner
// waits for the answer and can use the link again.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Swap(true) {
		return nil
	}
	c.link.conn.SetReadDeadline(longAgo)
	limit := stuckLimit
	if c.wmu.TryLock() {
		limit = handshakeLimit
		c.goodbye()
		c.wmu.Unlock()
	}
	c.link.conn.SetWriteDeadline(time.Now().Add(limit))
	close(c.done)
	return nil
}

// farewell is Close's rest when Close has found a Write in progress, by that Write.
func (c *Conn) farewell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wmu.TryLock() {
		return // a later Write, which comes here too
	}
	defer c.wmu.Unlock()
	if c.sent.Load() {
		return // the link may belong to the next visitor by now
	}
	c.link.conn.SetWriteDeadline(time.Now().Add(handshakeLimit))
	c.goodbye()
}

// goodbye posts the one DISCONNECT of a tunnel. The caller has mu.
func (c *Conn) goodbye() {
	if c.sent.CompareAndSwap(false, true) {
		c.link.post(postDisconnect)
	}
}

var longAgo = time.Unix(1, 0)

// SetDeadline and its halves are those of net.Conn.
func (c *Conn) SetDeadline(t time.Time) error     { return c.deadline(c.link.conn.SetDeadline, t) }
func (c *Conn) SetReadDeadline(t time.Time) error { return c.deadline(c.link.conn.SetReadDeadline, t) }
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.deadline(c.link.conn.SetWriteDeadline, t)
}

func (c *Conn) deadline(set func(time.Time) error, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return net.ErrClosed
	}
	return set(t)
}

// heartbeat answers PING at the relay and takes its answer at the device; any
// other packet is out of place there and ends the link.
func (l *link) heartbeat(k kind) error {
	switch {
	case k == ping && l.relay:
		l.post(postPong)
		return nil
	case k == pingAck && !l.relay:
		return nil
	}
	l.fail(wrong("%s in this state", k))
	return l.lost()
}

// carry lends the link to c until it is closed, and ends it by the handshake.
// Without error the link is idle again.
func (l *link) carry(c *Conn) error {
	select {
	case <-c.done:
	case <-l.gone:
	}
	c.rmu.Lock() // Close has sent the reader away, or the end of the link has
	defer c.rmu.Unlock()
	c.keep(nil)
	if l.isGone() {
		return l.lost()
	}
	l.conn.SetReadDeadline(time.Now().Add(handshakeLimit))
	for !c.ended || !c.answer {
		k, _, err := l.packet()
		if err != nil {
			l.fail(errHung)
			return l.lost()
		}
		if k == data { // too late
			continue
		}
		if err := c.control(k); err != nil {
			return err
		}
	}
	l.conn.SetDeadline(time.Time{})
	return nil
}
