package activeproxy

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"pc2/backend/boson"
)

// greet finds out who a new connection is, and serves it from then on.
func (s *Server) greet(ctx context.Context, g *guest) {
	defer s.door.leave(g)
	l := newLink(g.conn, s.pool, true)
	l.limit = guestMax
	l.conn.SetDeadline(time.Now().Add(guestLimit))
	session, err := s.handshake(ctx, l)
	if errors.Is(err, errRefused) {
		linger(l)
	}
	if err != nil {
		s.log.Debug("relay: guest turned away", "from", l.conn.RemoteAddr().String(), "err", err)
		l.fail(err)
		return
	}
	s.door.leave(g)
	session.serve(l)
}

// linger keeps the connection of a refused device open: the reference client
// would come back at once, a thousand times a second, for as long as it believes in its
// session.
func linger(l *link) {
	l.conn.SetReadDeadline(time.Now().Add(refuseDelay))
	l.conn.Read(make([]byte, 1))
}

func (s *Server) handshake(ctx context.Context, l *link) (*serverSession, error) {
	challenge := s.challenge()
	if err := l.send(encodeChallenge(challenge)); err != nil {
		return nil, err
	}
	k, packet, err := l.packet()
	switch {
	case err != nil:
		return nil, err
	case k == auth:
		return s.admit(ctx, l, packet, challenge)
	case k == attach:
		return s.join(ctx, l, packet, challenge)
	}
	return nil, wrong("%s before AUTH", k)
}

// admit makes a session for a device that sent AUTH.
func (s *Server) admit(ctx context.Context, l *link, packet, challenge []byte) (*serverSession, error) {
	session := &serverSession{server: s, from: addrPort(l.conn.RemoteAddr()), place: place(l.conn.RemoteAddr()), since: time.Now()}
	var asked authBody
	err := s.costly(ctx, func() (err error) {
		asked, err = session.read(packet, challenge)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !s.cfg.OpenRelay {
		if err := s.cfg.Authorize(session.device, asked.user); err != nil {
			return nil, fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	key := s.sessionKey()
	if session.channel, err = newChannel(key, asked.session); err != nil {
		return nil, err
	}
	session.user, session.client = asked.user, asked.session
	if asked.name && s.cfg.NamedEndpoint != nil {
		session.named = s.cfg.NamedEndpoint(session.device)
	}
	if err := s.install(ctx, session, l); err != nil {
		return nil, err
	}
	ack := authAckBody{session: key.Public(), connections: s.cfg.Connections, endpoint: session.endpoint, named: session.named}
	if err := l.send(ack.encode(session.peer, dice{})); err != nil {
		session.remove(l, err)
		return nil, err
	}
	return session, nil
}

// read opens and verifies AUTH.
func (s *serverSession) read(packet, challenge []byte) (asked authBody, err error) {
	device, sealed := sealedFor(packet)
	b, err := s.server.cfg.Key.Box(device)
	if err != nil {
		return asked, err
	}
	s.device, s.peer = device, boson.NewContext(b)
	plain, err := s.peer.Open(nil, sealed)
	if err != nil {
		return asked, err
	}
	if asked, err = decodeAuth(plain); err != nil {
		return asked, err
	}
	if !boson.Verify(device, challenge, asked.signature[:]) {
		return asked, errSignature
	}
	return asked, nil
}

// join adds a connection that sent ATTACH to its session.
func (s *Server) join(ctx context.Context, l *link, packet, challenge []byte) (*serverSession, error) {
	device, sealed := sealedFor(packet)
	session := s.session(device)
	if session == nil {
		return nil, fmt.Errorf("%w: ATTACH to no session", errRefused)
	}
	err := s.costly(ctx, func() error {
		plain, err := session.peer.Open(nil, sealed)
		if err != nil {
			return err
		}
		asked, err := decodeAttach(plain)
		switch {
		case err != nil:
			return err
		case !boson.Verify(device, challenge, asked.signature[:]):
			return errSignature
		case subtle.ConstantTimeCompare(asked.session[:], session.client[:]) != 1:
			return fmt.Errorf("%w: ATTACH to another session", errRefused)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := session.add(l); err != nil {
		return nil, err
	}
	if err := l.send(appendBare(nil, attachAck, dice{})); err != nil {
		session.remove(l, err)
		return nil, err
	}
	return session, nil
}

// costly runs what strangers make us compute, a few at a time.
func (s *Server) costly(ctx context.Context, compute func() error) error {
	select {
	case s.verify <- struct{}{}:
	case <-ctx.Done():
		return errStopped
	}
	defer func() { <-s.verify }()
	return compute()
}

// install makes session, with its first link, the one of its device. It takes
// the place and the port of an older one.
func (s *Server) install(ctx context.Context, session *serverSession, l *link) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	old := s.session(session.device)
	if old != nil {
		session.port = old.port
	} else {
		port, err := s.ports.open(ctx, session.device)
		if err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		session.port = port
	}
	session.endpoint = s.endpoint(l, session.port.port)
	session.start(ctx, l)
	if err := s.enlist(session, old); err != nil {
		session.close(err)
		if old == nil {
			session.port.Close()
		}
		return err
	}
	session.port.owner.Store(session)
	s.log.Info("relay: device session", "device", session.device, "user", session.user, "from", session.from,
		"endpoint", session.endpoint, "replaced", old != nil)
	if old != nil {
		old.close(errReplaced)
		return nil
	}
	s.wg.Go(func() { s.receive(ctx, session.port) })
	if s.cfg.OnDevice != nil {
		s.cfg.OnDevice(session.describe(), true)
	}
	return nil
}

// enlist counts session in, unless there are too many.
func (s *Server) enlist(session, old *serverSession) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old != nil {
		s.count(old.place, -1)
	}
	if s.stopped || old == nil && len(s.sessions) >= s.cfg.Sessions || s.places[session.place] >= s.cfg.SessionsPerIP {
		if old != nil {
			s.count(old.place, 1)
		}
		return fmt.Errorf("%w: too many sessions", errRefused)
	}
	s.count(session.place, 1)
	s.sessions[session.device] = session
	return nil
}

func (s *Server) count(p netip.Prefix, n int) {
	if s.places[p] += n; s.places[p] == 0 {
		delete(s.places, p)
	}
}

// endpoint is what the device is told about its port.
func (s *Server) endpoint(l *link, port int) string {
	host := s.cfg.Host
	if host == "" {
		host = addrPort(l.conn.LocalAddr()).Addr().Unmap().String()
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// end is the end of a session that no other replaces.
func (s *Server) end(session *serverSession, cause error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	current := s.sessions[session.device] == session
	if current {
		delete(s.sessions, session.device)
		s.count(session.place, -1)
	}
	s.mu.Unlock()
	if !current {
		return
	}
	session.close(cause)
	session.port.owner.Store(nil)
	s.ports.close(session.port, session.device)
	s.log.Info("relay: device session ended", "device", session.device, "cause", cause)
	if s.cfg.OnDevice != nil {
		s.cfg.OnDevice(session.describe(), false)
	}
}
