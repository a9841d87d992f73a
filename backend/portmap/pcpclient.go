package portmap

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// pcp maps by PCP.
type pcp struct {
	router router
	nonce  pcpNonce
	addr   netip.Addr // of the router, once a mapping told it
	epoch  epoch
	// older asks for the address without touching the mapping, which PCP cannot;
	// nil: the router does not know NAT-PMP besides.
	older *pmp
}

// probePCP asks whether the router speaks PCP. It tells its address with a port only.
func (c *Client) probePCP(ctx context.Context, r router, found func(offer)) error {
	a, err := pcpExchange(ctx, r, pcpHead(pcpAnnounce, 0, r.local), func(a pcpAnswer) bool { return a.opcode == pcpAnnounce })
	switch {
	case errors.Is(err, errPCPVersion): // NAT-PMP only
		return nil
	case err != nil:
		return fmt.Errorf("pcp: %w", err)
	case a.result == pcpUnsupported:
		return nil
	}
	found(&pcp{router: r, nonce: c.nonce(r), older: &pmp{router: r}})
	return nil
}

// nonce makes mappings of one PC at one router ours, also after a crash when
// Config.Seed is kept.
func (c *Client) nonce(r router) pcpNonce {
	h := hmac.New(sha256.New, c.cfg.Seed)
	fmt.Fprintf(h, "pc2 portmap pcp nonce v1 %s %s", r.gw, r.local)
	return pcpNonce(h.Sum(nil)[:12])
}

func randomSeed() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return b
}

func (p *pcp) method() Method              { return PCP }
func (p *pcp) promise() (netip.Addr, bool) { return p.addr, p.addr.IsValid() }

func (p *pcp) add(ctx context.Context, a ask) (grant, error) {
	return p.request(ctx, a, netip.AddrPortFrom(netip.IPv4Unspecified(), a.want), a.lease)
}

func (p *pcp) keep(ctx context.Context, a ask, g grant, due bool) (grant, error) {
	restarted, err := p.look(ctx)
	if err != nil {
		return grant{}, err
	}
	moved := p.older != nil && p.older.addr != g.external.Addr()
	if due || restarted || moved || time.Since(g.at) >= a.again {
		return p.request(ctx, a, g.external, a.lease)
	}
	return g, nil
}

// look says whether the router was restarted, and brings the address of older up to date.
func (p *pcp) look(ctx context.Context) (restarted bool, err error) {
	if p.older != nil {
		restarted, err = p.older.look(ctx)
		if err == nil || p.older.addr.IsValid() {
			return restarted, err
		}
		p.older = nil // it never answered
	}
	res, err := pcpExchange(ctx, p.router, pcpHead(pcpAnnounce, 0, p.router.local), func(a pcpAnswer) bool { return a.opcode == pcpAnnounce })
	if err != nil {
		return false, err
	}
	return p.epoch.restarted(res.epoch, time.Now()), nil
}

func (p *pcp) remove(ctx context.Context, a ask, _ grant) error {
	_, err := p.request(ctx, a, netip.AddrPortFrom(netip.IPv4Unspecified(), 0), 0)
	return err
}

func (p *pcp) request(ctx context.Context, a ask, suggest netip.AddrPort, lease time.Duration) (grant, error) {
	req := pcpRequest{local: p.router.local, lifetime: seconds(lease), nonce: p.nonce, port: a.port, suggest: suggest}
	now := time.Now()
	res, err := pcpExchange(ctx, p.router, req.marshal(), func(res pcpAnswer) bool {
		return res.opcode == pcpMap && res.nonce == req.nonce && res.port == req.port
	})
	switch {
	case err != nil:
		return grant{}, err
	case res.result == pcpNetworkFailure:
		return grant{}, errDown
	case res.result != pcpSuccess:
		return grant{}, fmt.Errorf("%w: %s", ErrRefused, res.result)
	case lease == 0:
		return grant{}, nil
	case res.lifetime == 0 || res.external.Port() == 0 || !res.external.Addr().Is4():
		return grant{}, fmt.Errorf("%w: it gave %s for %d s", ErrRefused, res.external, res.lifetime)
	}
	p.addr = res.external.Addr()
	return grant{external: res.external, lease: min(lease, time.Duration(res.lifetime)*time.Second), at: now}, nil
}

// seconds of a lease, as all protocols count it.
func seconds(d time.Duration) uint32 {
	const most = 7 * 24 * 3600 // IGD 2 allows no more
	if d <= 0 {
		return 0
	}
	return uint32(min(max(d/time.Second, 1), most))
}

const (
	pcpFirstWait = 250 * time.Millisecond
	pcpPatience  = 3 * time.Second
)

// pcpExchange sends a request, again after 250 ms, 500 ms and so on, until an
// answer comes that fits. The socket is connected: only the router's address
// is sent to and heard.
func pcpExchange(ctx context.Context, r router, req []byte, fits func(pcpAnswer) bool) (a pcpAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, pcpPatience)
	defer cancel()
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: r.local.AsSlice()}, net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.gw, r.ports.pcp)))
	if err != nil {
		return a, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	buf := make([]byte, pcpMost)
	for wait := pcpFirstWait; ctx.Err() == nil; wait *= 2 {
		if _, err := conn.Write(req); err != nil {
			return a, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return a, err
		}
		for {
			n, err := conn.Read(buf)
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				break
			}
			if err != nil { // refused: nobody listens there
				return a, reason(ctx, err)
			}
			a, err := parsePCP(buf[:n])
			if errors.Is(err, errPCPVersion) {
				return a, err
			}
			if err == nil && fits(a) {
				return a, nil
			}
		}
	}
	return a, ctx.Err()
}

// reason is why a connection was closed: by ctx, rather than the error that this made.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// epoch is the router's clock, which begins anew when it has lost its mappings
// (RFC 6886, 3.6).
type epoch struct {
	seconds uint32
	at      time.Time
}

// restarted says whether the clock fell behind what it must show by now.
func (e *epoch) restarted(seconds uint32, now time.Time) bool {
	first := e.at.IsZero()
	least := float64(e.seconds) + now.Sub(e.at).Seconds()*7/8 - 2
	e.seconds, e.at = seconds, now
	return !first && float64(seconds) < least
}
