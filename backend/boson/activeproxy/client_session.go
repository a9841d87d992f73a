package activeproxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"pc2/backend/boson"
)

// clientSession is one session of a Client: its links and how many there should be.
type clientSession struct {
	client  *Client
	key     boson.BoxKey
	peer    *boson.Context
	channel *channel
	granted Session

	mu       sync.Mutex
	links    map[*link]bool // whether it carries a visitor
	busy     int
	dialling int
	failures int       // ATTACHes in a row
	retry    time.Time // not before
	surplus  time.Time // since when there are more idle ones than needed
	last     error     // why the last link went
	changed  chan struct{}
	wg       sync.WaitGroup
}

// dial opens a link and returns it with the challenge that it has to sign. The
// link ends with ctx until release is called.
func (s *clientSession) dial(ctx context.Context) (_ *link, challenge []byte, release func() bool, _ error) {
	dialCtx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := s.client.cfg.Dial(dialCtx, "tcp", s.client.cfg.Relay)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	l := newLink(conn, s.client.pool, false)
	release = context.AfterFunc(ctx, func() { l.fail(context.Cause(ctx)) })
	conn.SetDeadline(time.Now().Add(answerLimit))
	if challenge, err = l.challenge(); err != nil {
		l.fail(err)
		release()
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return l, challenge, release, nil
}

// authenticate makes the session on its first link.
func (s *clientSession) authenticate(ctx context.Context) (*link, error) {
	l, challenge, release, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	cfg := s.client.cfg
	body := authBody{
		user: cfg.User, session: s.key.Public(), name: cfg.Name,
		signature: [64]byte(cfg.Device.SignChallenge(challenge)),
	}
	err = l.send(body.encode(cfg.Device.ID(), s.peer, dice{}))
	if err == nil {
		err = s.granting(l)
	}
	if err != nil {
		l.fail(err)
		return nil, err
	}
	l.conn.SetDeadline(time.Time{})
	return l, nil
}

func (s *clientSession) granting(l *link) error {
	k, packet, err := l.packet()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if k != authAck {
		return wrong("%s in answer to AUTH", k)
	}
	plain, err := s.peer.Open(nil, packet[headerSize:])
	if err != nil {
		return ErrImpostor
	}
	ack, err := decodeAuthAck(plain)
	if err != nil {
		return err
	}
	if s.channel, err = newChannel(s.key, ack.session); err != nil {
		return err
	}
	s.granted = Session{
		Endpoint: ack.endpoint, Named: ack.named, Connections: min(ack.connections, ourConnections),
		Relay: l.conn.RemoteAddr(), Since: time.Now(),
	}
	return nil
}

// attach adds a further link.
func (s *clientSession) attach(ctx context.Context) (*link, error) {
	l, challenge, release, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	device := s.client.cfg.Device
	body := attachBody{session: s.key.Public(), signature: [64]byte(device.SignChallenge(challenge))}
	err = l.send(body.encode(device.ID(), s.peer, dice{}))
	if err == nil {
		var k kind
		if k, _, err = l.packet(); err == nil && k != attachAck {
			err = wrong("%s in answer to ATTACH", k)
		}
	}
	if err != nil {
		l.fail(err)
		return nil, err
	}
	l.conn.SetDeadline(time.Time{})
	return l, nil
}

// run keeps the links until the last one is gone: a relay that was restarted does
// not know the session, so what comes then is a new one.
func (s *clientSession) run(ctx context.Context, first *link) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.wg.Wait()
	defer cancel()
	s.links[first] = false
	s.keep(ctx, first)
	for {
		wait, err := s.tend(ctx)
		if err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tend opens and closes links as needed, and says when to look again.
func (s *clientSession) tend(ctx context.Context) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.links) == 0 {
		return 0, s.last
	}
	now := time.Now()
	wait := shrinkEvery
	idle := len(s.links) - s.busy
	// A burst of visitors finds the more spare ones the more there are already.
	spare := s.client.cfg.Idle + min(s.busy/2, maxSpare)
	missing := min(spare-idle, s.granted.Connections-len(s.links)) - s.dialling
	if delay := s.retry.Sub(now); missing > 0 && delay > 0 {
		wait, missing = min(wait, delay), 0
	}
	for range missing {
		s.dialling++
		s.wg.Go(func() { s.grow(ctx) })
	}
	switch {
	case idle <= spare:
		s.surplus = time.Time{}
	case s.surplus.IsZero():
		s.surplus = now
	case now.Sub(s.surplus) >= shrinkAfter:
		for l, carrying := range s.links {
			if !carrying && idle > spare {
				l.fail(errSurplus)
				idle--
			}
		}
		s.surplus = time.Time{} // they are counted until they are gone
	}
	return wait, nil
}

// grow attaches one link.
func (s *clientSession) grow(ctx context.Context) {
	l, err := s.attach(ctx)
	s.mu.Lock()
	s.dialling--
	if err != nil {
		s.failures++
		s.retry = time.Now().Add(backoff(s.failures))
	} else {
		s.failures = 0
		s.links[l] = false
	}
	s.mu.Unlock()
	if err == nil {
		s.keep(ctx, l)
	} else if ctx.Err() == nil {
		s.client.log.Debug("attach to relay", "err", err)
	}
	s.change()
}

// backoff is min(2^n, 60) s, give or take a quarter.
func backoff(n int) time.Duration {
	d := min(time.Second<<min(n, 6), time.Minute)
	return d*3/4 + rand.N(d/2)
}

func (s *clientSession) change() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// keep serves a link that is counted, until it ends.
func (s *clientSession) keep(ctx context.Context, l *link) {
	stop := context.AfterFunc(ctx, func() { l.fail(context.Cause(ctx)) })
	l.watch(pingEvery, func() time.Duration { return s.pulse(l) })
	s.wg.Go(func() {
		l.fail(s.serve(l))
		err := l.lost()
		l.unwatch()
		stop()
		s.mu.Lock()
		if s.links[l] {
			s.busy--
		}
		delete(s.links, l)
		s.last = err
		s.mu.Unlock()
		if !errors.Is(err, errSurplus) && ctx.Err() == nil {
			s.client.log.Debug("relay connection ended", "err", err)
		}
		s.change()
	})
}

// pulse says PING, and ends a link on which nothing comes.
func (s *clientSession) pulse(l *link) time.Duration {
	s.client.heard.Store(max(s.client.heard.Load(), l.lastHeard().UnixNano()))
	s.mu.Lock()
	dead := idleDead
	if s.links[l] {
		dead = busyDead
	}
	s.mu.Unlock()
	// A Write that waits for the relay shows that the visitor is slow; whether the relay
	// is there at all, TCP finds out.
	if !l.stuck() && l.quiet() >= dead {
		l.fail(errQuiet)
	}
	l.post(postPing)
	return pingEvery
}

// serve reads an idle link and hands over visitors until the link ends.
func (s *clientSession) serve(l *link) error {
	refused := false // the last CONNECT; its DISCONNECT may have crossed our answer
	for {
		k, packet, err := l.packet()
		if err != nil {
			return err
		}
		switch {
		case k == connect:
			taken, err := s.visit(l, packet[headerSize:])
			if err != nil {
				return err
			}
			refused = !taken
		case k == disconnect && refused:
			refused = false
			c := newConn(l, s.channel, nil)
			if err := c.control(k); err != nil {
				return err
			}
			c.Close()
			if err := l.carry(c); err != nil {
				return err
			}
		case k == failure:
			return s.complaint(packet[headerSize:])
		default:
			if err := l.heartbeat(k); err != nil {
				return err
			}
		}
	}
}

// visit offers a visitor to Accept and carries it.
func (s *clientSession) visit(l *link, sealed []byte) (taken bool, err error) {
	plain, err := s.channel.open(nil, sealed)
	if err != nil {
		return false, err
	}
	visitor, err := decodeConnect(plain)
	if err != nil {
		return false, err
	}
	s.carrying(l, true)
	defer s.carrying(l, false)
	conn := newConn(l, s.channel, net.TCPAddrFromAddrPort(visitor))
	taken, err = s.offer(l, conn)
	if err != nil || !taken {
		return false, err
	}
	return true, l.carry(conn)
}

// offer gives conn to Accept and answers the relay. The link is locked
// meanwhile, so that nothing the acceptor writes comes before the answer.
func (s *clientSession) offer(l *link, conn *Conn) (taken bool, err error) {
	timer := time.NewTimer(acceptLimit)
	defer timer.Stop()
	defer l.unlock()
	if err := l.lock(); err != nil {
		return false, err
	}
	select {
	case s.client.accept <- conn:
		taken = true
	case <-timer.C:
	case <-l.gone:
		return false, l.lost()
	}
	return taken, l.write(encodeConnectAck(taken, dice{}))
}

func (s *clientSession) carrying(l *link, yes bool) {
	s.mu.Lock()
	s.links[l] = yes
	if yes {
		s.busy++
	} else {
		s.busy--
	}
	s.mu.Unlock()
	s.change()
}

// complaint is an ERROR packet as an error; no state of a client accepts one.
func (s *clientSession) complaint(sealed []byte) error {
	plain, err := s.channel.open(nil, sealed)
	if err != nil {
		return err
	}
	code, message, err := decodeError(plain)
	if err != nil {
		return err
	}
	return wrong("the relay says: %d %q", code, message)
}
