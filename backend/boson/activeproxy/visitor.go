package activeproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// receive takes the visitors of a mapped port, until it is closed.
func (s *Server) receive(ctx context.Context, port *mapping) {
	acceptAll(ctx, port, func(conn net.Conn) {
		session := port.owner.Load()
		if session == nil || !session.enter(conn) {
			conn.Close()
			return
		}
		s.wg.Go(func() {
			defer session.exit(conn)
			defer conn.Close()
			session.visit(conn)
		})
	})
}

// enter counts a visitor in. Strangers may take half of what the device can carry
// and the rest is for the gateway; of that, one of them takes a part only.
func (s *serverSession) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := place(conn.RemoteAddr())
	if s.strange >= max(1, s.server.cfg.Connections/2) || s.visitors[place] >= s.server.cfg.VisitorsPerIP {
		return false
	}
	s.strange++
	s.visitors[place]++
	return true
}

// exit is for a visitor whose connection is closed.
func (s *serverSession) exit(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := place(conn.RemoteAddr())
	if s.visitors[place]--; s.visitors[place] == 0 {
		delete(s.visitors, place)
	}
}

// visit serves one visitor of the mapped port.
func (s *serverSession) visit(conn net.Conn) {
	v := s.dialFor(conn)
	if v == nil {
		s.part()
		return
	}
	defer v.idle.Stop()
	// A visitor that takes nothing would be waited for.
	defer context.AfterFunc(s.ctx, func() { abort(conn) })()
	v.out()
	s.part()
	v.wg.Wait() // the visitor may still read what it was sent
}

// part is for a visitor that needs no tunnel any more.
func (s *serverSession) part() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strange--
}

func (s *serverSession) dialFor(conn net.Conn) *visit {
	ctx, cancel := context.WithTimeout(s.ctx, visitorWait)
	defer cancel()
	var first *firstByte
	if !s.hasIdle() {
		first = awaitFirstByte(conn, cancel)
	}
	tunnel, err := s.dial(ctx, addrPort(conn.RemoteAddr()))
	early := first.stop()
	if err != nil {
		return nil
	}
	return newVisit(conn, tunnel, early)
}

func (s *serverSession) hasIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.idle) > 0
}

// firstByte looks whether a visitor that has to wait is still there. Only reading
// tells, and one byte is the least that can be read.
type firstByte struct {
	conn net.Conn
	b    [1]byte
	n    int
	done chan struct{}
}

func awaitFirstByte(conn net.Conn, gone func()) *firstByte {
	f := &firstByte{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		var err error
		if f.n, err = conn.Read(f.b[:]); f.n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
			gone()
		}
	}()
	return f
}

func (f *firstByte) stop() []byte {
	if f == nil {
		return nil
	}
	f.conn.SetReadDeadline(longAgo)
	<-f.done
	f.conn.SetReadDeadline(time.Time{})
	return f.b[:f.n]
}

// visit is a visitor and its tunnel.
type visit struct {
	net.Conn // the visitor's
	tunnel   *Conn
	born     time.Time
	active   atomic.Int64 // when bytes last came or went
	half     atomic.Bool  // the visitor has no more to say
	idle     *time.Timer
	wg       sync.WaitGroup
}

// newVisit starts to copy what the visitor sends, early first.
func newVisit(conn net.Conn, tunnel *Conn, early []byte) *visit {
	v := &visit{Conn: conn, tunnel: tunnel, born: time.Now()}
	v.idle = time.AfterFunc(time.Hour, func() {
		rest := visitorIdle - (time.Since(v.born) - time.Duration(v.active.Load()))
		if rest <= 0 {
			v.Close()
			return
		}
		v.idle.Reset(rest)
	})
	v.idle.Reset(visitorIdle)
	v.wg.Go(func() { v.in(early) })
	return v
}

func (v *visit) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	v.active.Store(int64(time.Since(v.born)))
	return n, err
}

func (v *visit) Write(p []byte) (int, error) {
	n, err := v.Conn.Write(p)
	v.active.Store(int64(time.Since(v.born)))
	if v.half.Load() {
		v.tunnel.SetReadDeadline(time.Now().Add(handshakeLimit))
	}
	return n, err
}

// in copies what the visitor sends.
func (v *visit) in(early []byte) {
	err := v.pass(early)
	if err == nil {
		v.half.Store(true)
		v.tunnel.SetReadDeadline(time.Now().Add(handshakeLimit))
		v.tunnel.CloseWrite()
		return
	}
	v.tunnel.Close()
	// Were the connection closed with something unread, the visitor's system would
	// throw away what it has not read yet of the answer.
	io.Copy(io.Discard, v.Conn)
}

func (v *visit) pass(early []byte) error {
	if len(early) > 0 {
		if _, err := v.tunnel.Write(early); err != nil {
			return err
		}
	}
	_, err := v.tunnel.ReadFrom(v)
	return err
}

// out copies what the device sends.
func (v *visit) out() {
	_, err := v.tunnel.WriteTo(v)
	var late net.Error
	switch {
	case err == nil: // the device is done
		v.tunnel.Close()
		v.Conn.SetReadDeadline(time.Now().Add(visitorLong))
		closeWrite(v.Conn)
		return
	case v.half.Load() && errors.As(err, &late) && late.Timeout():
		v.tunnel.link.fail(errHung)
	}
	v.tunnel.Close()
	abort(v.Conn)
}

func closeWrite(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
}

// abort lets the visitor see that this was not the end of what the device sent.
func abort(conn net.Conn) {
	if c, ok := conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	conn.Close()
}
