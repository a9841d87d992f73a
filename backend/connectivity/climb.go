package connectivity

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"pc2/backend/boson/activeproxy"
)

// ErrDoubleNAT is what Config.Map says when the router gives no port because it
// has no address of the internet itself.
var ErrDoubleNAT = errors.New("the router stands behind another one")

// Mapping is a port that the router has given.
type Mapping interface {
	External() netip.AddrPort
	Method() string
	// Private says that another router stands before this one.
	Private() bool
	// Run keeps it until ctx ends, and gives it back. It returns earlier when the
	// mapping is no more what it was.
	Run(ctx context.Context) error
}

// pace is when the ladder looks again.
type pace struct {
	proved time.Duration // after a proof; super nodes keep one for half an hour
	first  time.Duration // after a no; doubled each time
	most   time.Duration
	gap    time.Duration // between two looks, whatever happens
	ask    time.Duration // how long the router is asked
	quiet  time.Duration // a session that was not heard for so long may be dead
	home   time.Duration // between two looks for the first super node
}

// again is the pause after so many failures and one more.
func (p pace) again(failures int) time.Duration { return min(p.first<<min(failures, 10), p.most) }

var usual = pace{proved: 10 * time.Minute, first: 15 * time.Second, most: 15 * time.Minute, gap: 2 * time.Second, ask: 12 * time.Second, quiet: 45 * time.Second, home: 5 * time.Minute}

// session is the relay's. It is what says that the super node is there.
type session struct {
	at     *target
	client *activeproxy.Client
	relay  net.Addr
	local  netip.Addr // ours, towards it
	cut    context.CancelFunc
}

// began notes a session: what is above it has to be proved again, since a super
// node that was restarted knows no proof.
func (l *Ladder) began(s *session, granted activeproxy.Session) {
	s.relay, s.local = granted.Relay, towards(granted.Relay)
	l.set(func(st *State) {
		l.session = s
		st.Relay, st.Endpoint, st.Trouble, st.rung = s.at.Relay, granted.Endpoint, "", ""
	})
	l.nudge()
}

func (l *Ladder) ended() {
	l.set(func(st *State) {
		l.session = nil
		st.Relay, st.Endpoint, st.rung = "", "", ""
	})
}

func (l *Ladder) online() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// LastHeard is when the relay in use last said anything; zero: there is none.
func (l *Ladder) LastHeard() time.Time {
	if s := l.online(); s != nil {
		return s.client.LastHeard()
	}
	return time.Time{}
}

// nudge has the rungs looked at now.
func (l *Ladder) nudge() {
	select {
	case l.nudged <- struct{}{}:
	default:
	}
}

// moved is called when the PC came to another network or woke. A session over an
// address that is gone is dead, and does not know it for a while.
func (l *Ladder) moved() {
	l.elsewhere.Store(true)
	if s := l.online(); s != nil {
		silent := time.Now().Round(0).Sub(s.client.LastHeard()) // by the wall: other clocks sleep too
		if towards(s.relay) != s.local || silent > l.pace.quiet {
			s.cut()
		}
	}
	l.Reconnect()
}

// doubt looks again when a visitor comes through the relay, although the super
// node should know a better way: perhaps it fails.
func (l *Ladder) doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.rung == "" || l.doubted {
		return
	}
	l.doubted = true
	time.AfterFunc(l.pace.first-time.Since(l.looked), func() {
		l.mu.Lock()
		l.doubted = false
		l.mu.Unlock()
		l.nudge()
	})
}

// climb keeps the best rung above the relay that the super node can dial back
// through, until ctx ends.
func (l *Ladder) climb(ctx context.Context) {
	c := &climber{l: l}
	defer c.drop()
	for failures := 0; ctx.Err() == nil; {
		if l.elsewhere.Swap(false) {
			c.drop() // another router, perhaps
			failures = 0
		}
		var wait <-chan time.Time
		if s := l.online(); s != nil {
			found, err := c.best(ctx, s.at)
			if ctx.Err() != nil {
				return
			}
			l.mu.Lock()
			l.looked = time.Now()
			l.mu.Unlock()
			pause := l.pace.proved
			switch {
			case errors.Is(err, errNoDialBack):
				l.found(s, rung{})
			case err != nil: // which says nothing about the rung
				l.log.Debug("not dialled back", "err", err)
				pause = l.pace.again(failures)
				failures++
			case found.path == "":
				l.found(s, found)
				pause = l.pace.again(failures)
				failures++
			default:
				l.found(s, found)
				failures = 0
			}
			wait = time.After(pause*9/10 + rand.N(pause/5+1))
		}
		select {
		case <-ctx.Done():
			return
		case <-wait:
		case <-l.nudged:
		case <-c.lost():
			l.log.Info("the router's port is lost", "err", c.kept.err)
			renumbered := c.kept.renumbered()
			c.drop()
			l.unproved(Mapped)
			failures = 0
			if s := l.online(); s != nil && renumbered {
				s.cut() // its packets would come from another address now, and reach nobody
				l.Reconnect()
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(l.pace.gap - l.sinceLook()):
		}
	}
}

func (l *Ladder) sinceLook() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.looked)
}

// rung is what a look has found; the zero value: the relay alone.
type rung struct {
	path Path
	way  string
	port uint16
	why  why
}

// found notes a rung, if it was found with the session that is there still.
func (l *Ladder) found(s *session, r rung) {
	l.set(func(st *State) {
		if l.session == s {
			st.rung, st.Way, st.Port, st.why = r.path, r.way, r.port, r.why
		}
	})
}

// unproved takes a rung back.
func (l *Ladder) unproved(path Path) {
	l.set(func(st *State) {
		if st.rung == path {
			st.rung, st.Way, st.Port = "", "", 0
		}
	})
}

// climber looks for rungs. It belongs to one goroutine.
type climber struct {
	l    *Ladder
	kept *kept // what the router gives; nil: nothing
}

// kept is a mapping that is being kept.
type kept struct {
	Mapping
	at    netip.AddrPort // where it was given
	stop  context.CancelFunc
	ended chan struct{}
	err   error // of Run, once it has ended
}

// best returns the best rung through which the super node has dialled back just
// now. A mapping that it used before is tried first, since it likely holds.
func (c *climber) best(ctx context.Context, at *target) (rung, error) {
	l := c.l
	if l.public == 0 {
		return rung{}, nil
	}
	if c.kept != nil {
		if r, err := c.mapped(ctx, at); err != nil || r.path != "" {
			return r, err
		}
		l.unproved(Mapped)
	}
	m, err := l.anyReach(ctx, at, l.public)
	if err != nil {
		return rung{}, err
	}
	if m.reached {
		c.drop()
		return rung{path: Direct, port: l.public}, nil
	}
	switch {
	case m.local.IsLoopback() && !l.inside: // no router stands between a PC and itself
		return rung{}, nil
	case l.ask == nil:
		return rung{why: notAsked}, nil
	}
	return c.mapped(ctx, at)
}

// anyReach is reach over IPv6, and over IPv4 if that does not do. An error of one
// is none if the other has answered.
func (l *Ladder) anyReach(ctx context.Context, at *target, port uint16) (met, error) {
	six, err6 := l.reach(ctx, at, "tcp6", port)
	if err6 == nil && six.reached {
		return six, nil
	}
	four, err := l.reach(ctx, at, "tcp4", port)
	if err != nil && err6 == nil {
		return six, nil
	}
	return four, err
}

// mapped asks the router, unless it has given a port already, and the super node
// whether that leads here.
func (c *climber) mapped(ctx context.Context, at *target) (rung, error) {
	l := c.l
	if c.kept == nil {
		asked, cancel := context.WithTimeout(ctx, l.pace.ask)
		m, err := l.ask(asked, l.public)
		cancel()
		if err != nil {
			l.log.Debug("no port from the router", "err", err)
			if errors.Is(err, ErrDoubleNAT) {
				return rung{why: doubleNAT}, nil
			}
			return rung{why: routerShut}, nil
		}
		c.keep(ctx, m)
	}
	m, err := l.reach(ctx, at, "tcp4", c.kept.External().Port())
	switch {
	case err != nil:
		return rung{}, err
	case m.reached:
		return rung{path: Mapped, way: c.kept.Method(), port: c.kept.External().Port()}, nil
	}
	r := rung{why: blocked}
	if c.kept.Private() {
		r.why = doubleNAT
	}
	c.drop() // of no use
	return r, nil
}

func (c *climber) keep(ctx context.Context, m Mapping) {
	ctx, stop := context.WithCancel(ctx)
	k := &kept{Mapping: m, at: m.External(), stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(k.ended)
		k.err = m.Run(ctx)
	}()
	c.kept = k
}

// renumbered says that the router has another external address than before, so
// that nothing that went through it goes on.
func (k *kept) renumbered() bool { return k.External().Addr() != k.at.Addr() }

// lost is nil, which never delivers, without a mapping.
func (c *climber) lost() <-chan struct{} {
	if c.kept == nil {
		return nil
	}
	return c.kept.ended
}

// drop gives the router's port back and waits for that.
func (c *climber) drop() {
	if c.kept == nil {
		return
	}
	c.kept.stop()
	<-c.kept.ended
	c.kept = nil
}
