package portmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

var (
	// ErrNone: there is no router, or it answers in no language that we speak.
	ErrNone = errors.New("no router that maps ports")
	// ErrRefused: there is one, and it gives no port.
	ErrRefused = errors.New("the router gives no port")
	// ErrBehind is a special case of it: the router has no address of the internet
	// itself, since another router or the provider's NAT stands before it.
	ErrBehind = fmt.Errorf("%w: it has no address of the internet itself", ErrRefused)
	// errDown: the router's own line is down, which may pass.
	errDown = fmt.Errorf("%w: it has no connection", ErrRefused)
	// ErrLost: the mapping is gone. ErrTaken and ErrMoved are special cases of it.
	ErrLost = errors.New("the router's mapping is gone")
	// ErrTaken: another computer has the port now.
	ErrTaken = fmt.Errorf("%w: another computer has the port", ErrLost)
	// ErrMoved: the router has another external address or port than before.
	ErrMoved = fmt.Errorf("%w: its external address changed", ErrLost)
)

// Method is the language in which the router gave the port.
type Method string

// The methods, in the order in which we prefer them: UPnP alone can be asked who
// has a port without touching the mapping.
const (
	UPnP   Method = "upnp"
	PCP    Method = "pcp"
	NATPMP Method = "nat-pmp"
)

func (m Method) rank() int { return slices.Index([]Method{UPnP, PCP, NATPMP}, m) }

// Config of a Client; the zero value works.
type Config struct {
	Log         *slog.Logger
	Description string        // shown in the router's pages; "": PC2
	Lease       time.Duration // asked for; 0: an hour
	Check       time.Duration // how often Run asks whether the mapping is still there; 0: half a minute
	Seed        []byte        // a secret that stays the same over restarts, for PCP; nil: random
	// Gateway returns the router and this PC's address towards it; nil: the
	// system's default route.
	Gateway func() (gw, local netip.Addr, err error)
}

// Client asks the default gateway for ports.
type Client struct {
	log     *slog.Logger
	cfg     Config
	ports   servicePorts
	mu      sync.Mutex
	granted map[uint16]uint16 // this PC's port to the external one it had last
}

// servicePorts is where the router listens; tests have routers elsewhere.
type servicePorts struct{ ssdp, pcp uint16 }

// New returns a client; it starts nothing.
func New(cfg Config) *Client {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Description = cmp.Or(cfg.Description, "PC2")
	cfg.Lease = cmp.Or(cfg.Lease, time.Hour)
	cfg.Check = cmp.Or(cfg.Check, 30*time.Second)
	if cfg.Gateway == nil {
		cfg.Gateway = defaultRoute
	}
	if cfg.Seed == nil {
		cfg.Seed = randomSeed()
	}
	return &Client{
		log: cfg.Log.With("part", "portmap"), cfg: cfg,
		ports: servicePorts{ssdp: 1900, pcp: 5351}, granted: map[uint16]uint16{},
	}
}

// router is the gateway and our address towards it.
type router struct {
	gw, local netip.Addr
	ports     servicePorts
}

// ask is what we want from a router.
type ask struct {
	port        uint16 // of this PC
	want        uint16 // external port that we would like
	lease       time.Duration
	again       time.Duration // how old a grant may get that cannot be looked at
	description string
}

// grant is what a router gave.
type grant struct {
	external netip.AddrPort // address 0.0.0.0: the router did not say
	lease    time.Duration  // 0: for ever
	at       time.Time      // when the lease began
}

// renewal is when half of the lease is over.
func (g grant) renewal() time.Time { return g.at.Add(g.lease / 2) }

// offer is one way to a port that a router showed when it was probed.
type offer interface {
	method() Method
	// promise is the external address as far as known, and whether the router
	// said so. The zero Addr: it is told with the port.
	promise() (a netip.Addr, said bool)
	// add maps a port.
	add(ctx context.Context, a ask) (grant, error)
	// keep sees to it that the grant still holds, renews it when due, and
	// returns what holds now.
	keep(ctx context.Context, a ask, g grant, due bool) (grant, error)
	// remove gives the port back.
	remove(ctx context.Context, a ask, g grant) error
}

const (
	searchTime = 9 * time.Second // of a whole Map; what is under way then ends within another second
	// settleTime is how long others are waited for when one method has
	// answered: enough for UPnP's search, and for the order of preference to hold.
	settleTime = 800 * time.Millisecond
	undoTime   = 3 * time.Second
	// looksPerAsk: by NAT-PMP and PCP the router is asked now and then for what it gave
	// already, which alone shows that it still holds. Not more often, because
	// miniupnpd deletes the mapping for a moment then.
	looksPerAsk = 4
)

// Map asks the router for an external TCP port that leads to port of this PC.
// It takes ten seconds at most.
func (c *Client) Map(ctx context.Context, port uint16) (*Mapping, error) {
	gw, local, err := c.cfg.Gateway()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if port == 0 || !gw.Is4() || !local.Is4() {
		return nil, fmt.Errorf("%w: cannot map port %d of %s at %s", ErrNone, port, local, gw)
	}
	s := &search{
		client: c, router: router{gw: gw, local: local, ports: c.ports},
		ask: ask{port: port, want: c.last(port), lease: c.cfg.Lease, again: looksPerAsk * c.cfg.Check, description: c.cfg.Description},
	}
	m, err := s.run(ctx)
	if err != nil {
		c.log.Info("no port from the router", "router", gw, "err", err)
		return nil, err
	}
	c.mu.Lock()
	c.granted[port] = m.External().Port()
	c.mu.Unlock()
	c.log.Info("port mapped", "router", gw, "method", m.Method(), "external", m.External())
	return m, nil
}

func (c *Client) last(port uint16) uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.granted[port], port)
}
