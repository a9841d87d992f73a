package connectivity

import (
	"context"
	"errors"
	"net/netip"
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

// kept is a mapping that is being kept.
type kept struct {
	Mapping
	at    netip.AddrPort // where it was given
	stop  context.CancelFunc
	ended chan struct{}
	err   error // of Run, once it has ended
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

// lose drops a mapping that is no more what it was.
func (c *climber) lose() {
	l := c.l
	l.log.Info("the router's port is lost", "err", c.kept.err)
	renumbered := c.kept.renumbered()
	c.drop()
	c.failures = 0
	l.unproved(Mapped)
	if s := l.online(); s != nil && renumbered {
		s.cut() // its packets would come from another address now, and reach nobody
		l.Reconnect()
	}
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
