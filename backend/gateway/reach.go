package gateway

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"pc2/backend/boson"
	"pc2/backend/fault"
)

const maxReach = 256 // at once, of all

var (
	errPage    = fault.New(fault.Denied, "origin_not_allowed", "A web page cannot ask for this.")
	errInside  = fault.New(fault.Denied, "address_not_public", "This super node dials back to public addresses only.")
	errNoReach = fault.New(fault.Unsupported, "not_supported", "This super node does not dial back.")
)

// reach dials a node back at the address that its request came from, and says
// whether it was met there. It says nothing more, so it is good for nothing else:
// the address is the caller's own, and every way in which it is not the node
// looks the same and lasts as long.
func (c *call) reach() error {
	if len(c.Header["Origin"]) > 0 || fetched(c.Header) {
		return errPage
	}
	if c.g.cfg.Direct == nil {
		return errNoReach
	}
	body, err := c.readClaim()
	if err != nil {
		return err
	}
	w, err := c.g.cfg.Names.Reach(c.Context(), body)
	if err != nil {
		return err
	}
	if !c.g.cfg.Inside && !public(c.ip.Addr()) {
		return errInside
	}
	if err := c.g.limits.takeKey(c, "reach", w.Node.String()); err != nil {
		return err
	}
	leave, err := c.g.reaching.enter(network(c.ip.Addr()), w.Node)
	if err != nil {
		return err
	}
	defer leave()
	reached := c.g.met(c.Context(), w.Node, netip.AddrPortFrom(c.ip.Addr(), w.Port))
	if c.Context().Err() != nil {
		return c.Context().Err()
	}
	c.g.log.Debug("dialled back", "node", w.Node, "port", w.Port, "reached", reached)
	c.json(200, map[string]any{"success": true, "reached": reached})
	return nil
}

// met says whether the node answers at an address, and keeps that. A no takes
// the whole time, whether the port is closed, filtered or somebody else's.
func (g *Gateway) met(ctx context.Context, node boson.ID, at netip.AddrPort) bool {
	limited, cancel := context.WithTimeout(ctx, g.roads.times.Load().reach)
	defer cancel()
	conn, err := g.cfg.Direct.Dial(limited, node, at)
	if err != nil {
		<-limited.Done()
		if ctx.Err() == nil { // a caller who leaves shows nothing
			g.roads.refute(node, at)
		}
		return false
	}
	conn.Close()
	g.roads.prove(node, at)
	return true
}

// fetched says whether a browser sent the request for a page: it then says so in
// Sec-Fetch-Site, which no script can take away.
func fetched(h map[string][]string) bool {
	for k := range h {
		if strings.HasPrefix(k, "Sec-Fetch-") {
			return true
		}
	}
	return false
}

// inside are networks that are somebody's own, beside those that netip knows.
var inside = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// public says whether an address is one of the internet: dialling another would
// be a look into the network that this super node stands in.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range inside {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// reaching are the dial-backs that run: one of each address and node.
type reaching struct {
	mu   sync.Mutex
	from map[netip.Addr]bool
	node map[boson.ID]bool
}

func newReaching() *reaching {
	return &reaching{from: map[netip.Addr]bool{}, node: map[boson.ID]bool{}}
}

func (r *reaching) enter(from netip.Addr, node boson.ID) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.from[from] || r.node[node] || len(r.node) >= maxReach {
		return nil, tooMany(int(usual.reach/time.Second), 1)
	}
	r.from[from], r.node[node] = true, true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.from, from)
		delete(r.node, node)
	}, nil
}
