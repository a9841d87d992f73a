package activeproxy

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pc2/backend/boson"
)

// serverSession is a device at its relay: the links that it keeps open, and who
// waits for one.
type serverSession struct {
	server          *Server
	device, user    boson.ID
	from            netip.AddrPort
	place           netip.Prefix
	since           time.Time
	peer            *boson.Context
	client          boson.BoxPublic // the session key of AUTH, which ATTACH repeats
	channel         *channel
	port            *mapping
	endpoint, named string

	ctx    context.Context // of the session; its cause is ErrOffline
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	links    map[*link]*call // the CONNECT that the link has not answered
	idle     []*link
	waiting  list.List // of chan *link
	visitors map[netip.Prefix]int
	strange  int // visitors in all
	grace    *time.Timer
}

// call is a CONNECT on its way.
type call struct {
	visitor net.Addr
	answer  chan *Conn // one value; nil: declined
	taken   atomic.Bool
	timer   *time.Timer
}

// start is called once, before anybody sees the session.
func (s *serverSession) start(ctx context.Context, first *link) {
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.links, s.visitors = map[*link]*call{first: nil}, map[netip.Prefix]int{}
	s.grace = time.AfterFunc(graceLimit, s.lapse)
	s.grace.Stop()
}

// close ends all connections and sends away all who wait. A device that is
// refused keeps its first link: it is let go later.
func (s *serverSession) close(cause error) {
	s.cancel(ErrOffline)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grace.Stop()
	if errors.Is(cause, errRefused) {
		return
	}
	for l := range s.links {
		l.fail(cause)
	}
}

func (s *serverSession) describe() Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Device{
		ID: s.device, User: s.user, Endpoint: s.endpoint, Named: s.named, Port: s.port.port, From: s.from, Since: s.since,
		Connections: len(s.links), Busy: len(s.links) - len(s.idle),
	}
}

// add takes a link in.
func (s *serverSession) add(l *link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx.Err() != nil:
		return fmt.Errorf("%w: ATTACH to no session", errRefused)
	case len(s.links) >= s.server.cfg.Connections:
		return fmt.Errorf("%w: too many connections", errRefused)
	}
	s.links[l] = nil
	s.grace.Stop()
	return nil
}

// remove lets a link go. The session waits a while for the next one.
func (s *serverSession) remove(l *link, cause error) {
	l.fail(cause)
	l.unwatch()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, l)
	for i, other := range s.idle {
		if other == l {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			break
		}
	}
	if len(s.links) == 0 && s.ctx.Err() == nil {
		s.grace.Reset(graceLimit)
	}
}

// lapse ends a session that no link came back to.
func (s *serverSession) lapse() {
	s.mu.Lock()
	empty := len(s.links) == 0
	s.mu.Unlock()
	if empty {
		s.server.end(s, errQuiet)
	}
}

// serve reads a link that was added, until it ends.
func (s *serverSession) serve(l *link) {
	l.conn.SetDeadline(time.Time{})
	l.limit = maxPacket
	l.watch(linkIdle, func() time.Duration {
		silent := min(l.quiet(), time.Duration(l.now()-l.said.Load()))
		if silent >= linkIdle {
			l.fail(errQuiet)
		}
		return linkIdle - silent
	})
	s.release(l)
	err := s.listen(l)
	s.remove(l, err)
	s.server.log.Debug("relay: device connection ended", "device", s.device, "err", err)
}

func (s *serverSession) listen(l *link) error {
	for {
		k, packet, err := l.packet()
		if err != nil {
			return err
		}
		if k != connectAck {
			if err := l.heartbeat(k); err != nil {
				return err
			}
			continue
		}
		c := s.answered(l)
		if c == nil {
			return wrong("CONNECT_ACK without CONNECT")
		}
		if !decodeConnectAck(packet) {
			s.release(l)
			c.answer <- nil
			continue
		}
		conn := newConn(l, s.channel, c.visitor)
		if c.taken.CompareAndSwap(false, true) {
			c.answer <- conn
		} else {
			conn.Close()
		}
		if err := l.carry(conn); err != nil {
			return err
		}
		s.release(l)
	}
}

func (s *serverSession) answered(l *link) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.links[l]
	if c != nil {
		c.timer.Stop()
		s.links[l] = nil
	}
	return c
}

// release gives an idle link to whoever has waited longest.
func (s *serverSession) release(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.isGone() {
		return
	}
	if first := s.waiting.Front(); first != nil {
		s.waiting.Remove(first).(chan *link) <- l
		return
	}
	s.idle = append(s.idle, l)
}

// pop takes an idle link, if there is one. The caller has mu.
func (s *serverSession) pop() *link {
	for n := len(s.idle); n > 0; n = len(s.idle) {
		l := s.idle[n-1]
		s.idle = s.idle[:n-1]
		if !l.isGone() {
			return l
		}
	}
	return nil
}

// acquire waits for an idle link.
func (s *serverSession) acquire(ctx context.Context) (*link, error) {
	s.mu.Lock()
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		return nil, ErrOffline
	}
	if l := s.pop(); l != nil {
		s.mu.Unlock()
		return l, nil
	}
	if s.waiting.Len() >= s.server.cfg.Waiting {
		s.mu.Unlock()
		return nil, ErrBusy
	}
	turn := make(chan *link, 1)
	place := s.waiting.PushBack(turn)
	s.mu.Unlock()
	select {
	case l := <-turn:
		return l, nil
	case <-s.ctx.Done():
		return nil, ErrOffline
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.waiting.Remove(place)
	s.mu.Unlock()
	select {
	case l := <-turn: // in the last moment
		s.release(l)
	default:
	}
	return nil, context.Cause(ctx)
}

// dial connects visitor to the device. A link that turns out to be gone has carried
// nothing yet, so another one does as well.
func (s *serverSession) dial(ctx context.Context, visitor netip.AddrPort) (*Conn, error) {
	const tries = 4
	var err error
	for range tries {
		var l *link
		if l, err = s.acquire(ctx); err != nil {
			return nil, err
		}
		var conn *Conn
		if conn, err = s.call(ctx, l, visitor); !errors.Is(err, ErrLost) {
			return conn, err
		}
	}
	return nil, err
}

// call says CONNECT on an idle link and waits for the answer. When ctx ends
// first, the link's own goroutine deals with the answer.
func (s *serverSession) call(ctx context.Context, l *link, visitor netip.AddrPort) (*Conn, error) {
	c := &call{visitor: net.TCPAddrFromAddrPort(visitor), answer: make(chan *Conn, 1)}
	s.mu.Lock()
	_, here := s.links[l]
	if !here {
		s.mu.Unlock()
		return nil, l.lost()
	}
	c.timer = time.AfterFunc(connectLimit, func() { l.fail(errHung) })
	s.links[l] = c
	s.mu.Unlock()
	if err := l.send(encodeConnect(visitor, s.channel, dice{})); err != nil {
		c.timer.Stop()
		return nil, err
	}
	select {
	case conn := <-c.answer:
		return c.outcome(conn)
	case <-l.gone:
		c.timer.Stop()
		return nil, l.lost()
	case <-ctx.Done():
	}
	if c.taken.CompareAndSwap(false, true) {
		return nil, context.Cause(ctx)
	}
	return c.outcome(<-c.answer)
}

func (c *call) outcome(conn *Conn) (*Conn, error) {
	if conn == nil {
		return nil, ErrDeclined
	}
	return conn, nil
}
