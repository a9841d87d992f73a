package gateway

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pc2/backend/boson"
	"pc2/backend/doorway"
	"pc2/backend/names"
)

const (
	// provedFor is how long a proof holds without another one; nodes give one about
	// every ten minutes.
	provedFor = 30 * time.Minute
	maxProved = 65536
	restFirst = 30 * time.Second // of an address that failed; doubled each time
	restMost  = 10 * time.Minute
)

// times are how long a node's own address may take.
type times struct {
	reach time.Duration // a dial-back that does not meet the node
	dial  time.Duration // to connect: one lost packet, and the handshake
	// ping is when a shared connection that says nothing is asked, and how long the
	// answer may take: a router that lost the port loses its connections without a word.
	ping time.Duration
}

var usual = times{reach: 3 * time.Second, dial: 2500 * time.Millisecond, ping: 3 * time.Second}

// roads are the two ways to a node: an address at which it was dialled back
// lately (reach.go), and its relay. The address is preferred; where it fails, the
// relay takes the same request, and those of the next while.
type roads struct {
	relay  Dialer
	direct *doorway.Dialer // nil: relay alone
	now    func() time.Time
	times  atomic.Pointer[times] // tests change them on the way

	mu     sync.Mutex
	proved map[boson.ID]*proved
}

type proved struct {
	at       netip.AddrPort
	until    time.Time
	failures int // in a row
	rest     time.Time
}

func newRoads(relay Dialer, direct *doorway.Dialer, now func() time.Time, t times) *roads {
	r := &roads{relay: relay, direct: direct, now: now, proved: map[boson.ID]*proved{}}
	r.times.Store(&t)
	return r
}

// prove notes that the node was met at an address, in place of the one before.
func (r *roads) prove(node boson.ID, at netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if r.proved[node] == nil && len(r.proved) >= maxProved {
		for id, p := range r.proved {
			if now.After(p.until) {
				delete(r.proved, id)
			}
		}
		if len(r.proved) >= maxProved {
			return // it has its relay
		}
	}
	r.proved[node] = &proved{at: at, until: now.Add(provedFor)}
}

// refute notes that the node was not met at an address.
func (r *roads) refute(node boson.ID, at netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.proved[node]; p != nil && p.at == at {
		delete(r.proved, node)
	}
}

// failed notes that a connection to a proved address did not come about, or broke.
func (r *roads) failed(node boson.ID, at netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.proved[node]
	if p == nil || p.at != at || r.now().Before(p.rest) { // many requests notice one failure
		return
	}
	p.rest = r.now().Add(min(restFirst<<min(p.failures, 10), restMost))
	p.failures++
}

// address is where to dial the node now; the zero value: through its relay.
func (r *roads) address(node boson.ID) netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.proved[node]
	now := r.now()
	if p == nil || r.direct == nil || now.Before(p.rest) {
		return netip.AddrPort{}
	}
	if now.After(p.until) {
		delete(r.proved, node)
		return netip.AddrPort{}
	}
	return p.at
}

// Via says how the node is reached now: "direct", "relay", or "" if it is not.
func (r *roads) Via(rec names.Record) string {
	if r.address(rec.Node).IsValid() {
		return "direct"
	}
	return r.relay.Via(rec)
}

// DialNode connects by the better way that works.
func (r *roads) DialNode(ctx context.Context, rec names.Record) (net.Conn, error) {
	if at := r.address(rec.Node); at.IsValid() {
		c, err := r.dialAt(ctx, rec.Node, at)
		if err == nil || ctx.Err() != nil { // the visitor's leaving is not the address's fault
			return c, err
		}
		r.failed(rec.Node, at)
	}
	return r.relay.DialNode(ctx, rec)
}

// dialAt connects to a proved address.
func (r *roads) dialAt(ctx context.Context, node boson.ID, at netip.AddrPort) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, r.times.Load().dial)
	defer cancel()
	c, err := r.direct.Dial(limited, node, at)
	if err != nil {
		return nil, err // and not an interface that holds nil
	}
	return c, nil
}
