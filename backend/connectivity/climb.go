package connectivity

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// pace is when the ladder looks again.
type pace struct {
	proved time.Duration // after a proof
	stale  time.Duration // what proofs are good for: super nodes keep one for half an hour
	first  time.Duration // after a no; doubled each time
	most   time.Duration
	gap    time.Duration // between two looks, whatever happens
	ask    time.Duration // how long the router is asked
	quiet  time.Duration // a session that was not heard for so long may be dead
	home   time.Duration // between two looks for the first super node
}

var usual = pace{proved: 10 * time.Minute, stale: 28 * time.Minute, first: 15 * time.Second, most: 15 * time.Minute, gap: 2 * time.Second, ask: 12 * time.Second, quiet: 45 * time.Second, home: 5 * time.Minute}

// nudge has the rungs looked at now.
func (l *Ladder) nudge() {
	select {
	case l.nudged <- struct{}{}:
	default:
	}
}

// climb keeps the best rung above the relay that the super node can dial back
// through, until ctx ends.
func (l *Ladder) climb(ctx context.Context) {
	c := &climber{l: l}
	defer c.drop()
	for ctx.Err() == nil {
		var wait <-chan time.Time
		if s := l.online(); s != nil {
			pause := c.look(ctx, s)
			wait = time.After(pause*9/10 + rand.N(pause/5+1))
		}
		select {
		case <-ctx.Done():
			return
		case <-wait:
		case <-l.nudged:
		case <-c.lost():
			c.lose()
		}
		if l.elsewhere.Swap(false) {
			c.drop() // another router, perhaps
			c.failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(l.pace.gap - l.sinceLook()):
		}
	}
}

// look finds the best rung, and says when to look again.
func (c *climber) look(ctx context.Context, s *session) (pause time.Duration) {
	l := c.l
	found, err := c.best(ctx, s.at)
	now := time.Now()
	l.mu.Lock()
	l.looked = now
	l.mu.Unlock()
	stale := now.Sub(c.proved) > l.pace.stale
	switch {
	case ctx.Err() != nil:
		return 0
	case errors.Is(err, errNoDialBack):
		l.found(s, rung{})
		return l.pace.proved
	case err == nil && found.path != "":
		l.found(s, found)
		c.failures, c.proved = 0, now
		return l.pace.proved
	case err == nil:
		l.found(s, found)
	case stale: // the super node has forgotten the proof by now
		l.found(s, rung{})
	}
	// Another error says nothing about the rung.
	l.log.Debug("no better way than the relay", "why", found.why, "err", err)
	c.failures++
	return min(l.pace.first<<min(c.failures-1, 10), l.pace.most)
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
			st.rung = ""
		}
	})
}

// climber looks for rungs. It belongs to one goroutine.
type climber struct {
	l        *Ladder
	kept     *kept     // what the router gives; nil: nothing
	failures int       // in a row
	proved   time.Time // when the super node has come through the rung last
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
