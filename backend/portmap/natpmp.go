package portmap

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	natpmp "github.com/jackpal/go-nat-pmp"
)

// pmp maps by NAT-PMP.
type pmp struct {
	router router
	addr   netip.Addr
	epoch  epoch
}

func (c *Client) probeNATPMP(ctx context.Context, r router, found func(offer)) error {
	p := &pmp{router: r}
	if _, err := p.look(ctx); err != nil {
		return fmt.Errorf("nat-pmp: %w", err)
	}
	found(p)
	return nil
}

func (p *pmp) method() Method              { return NATPMP }
func (p *pmp) promise() (netip.Addr, bool) { return p.addr, true }

// look fetches the router's external address. Whether it was restarted shows too.
func (p *pmp) look(ctx context.Context) (restarted bool, err error) {
	err = p.patiently(ctx, func(c *natpmp.Client) error {
		r, err := c.GetExternalAddress()
		if err == nil {
			p.addr = netip.AddrFrom4(r.ExternalIPAddress)
			restarted = p.epoch.restarted(r.SecondsSinceStartOfEpoc, time.Now())
		}
		return err
	})
	return restarted, err
}

func (p *pmp) add(ctx context.Context, a ask) (grant, error) { return p.request(ctx, a, a.want) }

func (p *pmp) keep(ctx context.Context, a ask, g grant, due bool) (grant, error) {
	restarted, err := p.look(ctx)
	if err != nil {
		return grant{}, err
	}
	if due || restarted || time.Since(g.at) >= a.again {
		return p.request(ctx, a, g.external.Port())
	}
	g.external = netip.AddrPortFrom(p.addr, g.external.Port())
	return g, nil
}

func (p *pmp) request(ctx context.Context, a ask, want uint16) (g grant, err error) {
	now := time.Now()
	err = p.patiently(ctx, func(c *natpmp.Client) error {
		r, err := c.AddPortMapping("tcp", int(a.port), int(want), int(seconds(a.lease)))
		switch {
		case err != nil:
			return err
		case r.InternalPort != a.port || r.MappedExternalPort == 0 || r.PortMappingLifetimeInSeconds == 0:
			return fmt.Errorf("%w: it gave %d for %d", ErrRefused, r.MappedExternalPort, r.InternalPort)
		}
		g = grant{
			external: netip.AddrPortFrom(p.addr, r.MappedExternalPort), at: now,
			lease: min(a.lease, time.Duration(r.PortMappingLifetimeInSeconds)*time.Second),
		}
		return nil
	})
	return g, err
}

func (p *pmp) remove(ctx context.Context, a ask, _ grant) error {
	return p.patiently(ctx, func(c *natpmp.Client) error {
		_, err := c.AddPortMapping("tcp", int(a.port), 0, 0)
		return err
	})
}

// patiently asks twice, for one and for two seconds. The library knows no
// context: that long its call may outlive ctx.
func (p *pmp) patiently(ctx context.Context, call func(*natpmp.Client) error) (err error) {
	for patience := time.Second; patience <= 2*time.Second; patience *= 2 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		limit := patience
		if end, ok := ctx.Deadline(); ok {
			limit = min(limit, time.Until(end))
		}
		if limit <= 0 {
			return context.DeadlineExceeded
		}
		err = call(natpmp.NewClientWithLocalAndTimeout(net.IP(p.router.gw.AsSlice()), net.IP(p.router.local.AsSlice()), limit))
		if err == nil {
			return nil
		}
		// The library has no other sign than its words.
		switch said := err.Error(); {
		case strings.HasPrefix(said, "Non-zero result code 3"):
			return errDown
		case strings.HasPrefix(said, "Non-zero result code"):
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if ne, ok := err.(net.Error); ok && !ne.Timeout() { // nobody listens there
			return err
		}
	}
	return err
}
