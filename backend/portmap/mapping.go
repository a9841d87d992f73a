package portmap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// Mapping is a port that the router has given. Run keeps it.
type Mapping struct {
	log   *slog.Logger
	check time.Duration
	offer offer
	ask   ask

	mu    sync.Mutex
	grant grant
}

func newMapping(c *Client, gw netip.Addr, o offer, a ask, g grant) *Mapping {
	return &Mapping{
		log: c.log.With("router", gw, "method", o.method()), check: c.cfg.Check,
		offer: o, ask: a, grant: g,
	}
}

// External is where visitors come in, as the router says. The address is 0.0.0.0
// when the router does not know it; the port holds all the same.
func (m *Mapping) External() netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.grant.external
}

// Method says how the router was asked.
func (m *Mapping) Method() Method { return m.offer.method() }

// Private says that the router's own external address is not one of the internet:
// a second router or the provider's NAT stands before it.
func (m *Mapping) Private() bool {
	a := m.External().Addr()
	return !a.IsUnspecified() && !public(a)
}

const (
	failuresUntilLost = 3
	pauseAfterFailure = 2 * time.Second
	shortestRenewal   = time.Second // whatever lease the router claims to give
	keepTime          = 5 * time.Second
)

// Run keeps the mapping until ctx ends, and gives the port back; then it returns
// nil. It returns ErrLost, ErrTaken or ErrMoved when the mapping is no more what
// it was; Map may be asked again then.
func (m *Mapping) Run(ctx context.Context) error {
	defer m.remove(ctx)
	for failures := 0; ; {
		pause := m.pause()
		if failures > 0 {
			pause = min(pause, pauseAfterFailure)
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		err := m.keep(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
			continue
		case errors.Is(err, ErrLost):
			return err
		case errors.Is(err, ErrRefused) && !errors.Is(err, errDown):
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		failures++
		m.log.Debug("mapping not kept", "failures", failures, "err", err)
		if failures == failuresUntilLost {
			return fmt.Errorf("%w: the router does not keep it: %w", ErrLost, err)
		}
	}
}

// pause is the time until the next look at the mapping.
func (m *Mapping) pause() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.grant.lease == 0 {
		return m.check
	}
	return max(shortestRenewal, min(m.check, time.Until(m.grant.renewal())))
}

func (m *Mapping) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	m.mu.Lock()
	held, due := m.grant, m.grant.lease > 0 && !time.Now().Before(m.grant.renewal())
	m.mu.Unlock()
	g, err := m.offer.keep(ctx, m.ask, held, due)
	if err != nil {
		return clipped(err)
	}
	m.mu.Lock()
	m.grant = g
	m.mu.Unlock()
	if g.external != held.external {
		return fmt.Errorf("%w: from %s to %s", ErrMoved, held.external, g.external)
	}
	return nil
}

func (m *Mapping) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	m.mu.Lock()
	g := m.grant
	m.mu.Unlock()
	if err := m.offer.remove(ctx, m.ask, g); err != nil {
		m.log.Debug("mapping not given back", "err", clipped(err))
	}
}
