package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pc2/backend/boson"
	"pc2/backend/internal/gather"
	"pc2/backend/names"
	"pc2/backend/preface"
)

const (
	dialTime  = 10 * time.Second
	idleTime  = 90 * time.Second
	waitFor   = 2 * time.Second // for 100 Continue, before the body is sent unasked
	maxShared = 4               // connections to one node that requests share; each carries 250
	maxPeers  = 4096            // nodes whose connections are kept
	maxHeader = 256 << 10       // of a node's answer
	packet    = 65492           // bytes that one packet of the relay carries
)

// nodes carries requests to nodes: small ones on HTTP/2 connections that they
// share, the others on an HTTP/1.1 connection each, since one upload that stalls
// on a shared connection would stall the others.
type nodes struct {
	roads  *roads
	single *http.Transport
	shared *http.Transport // makes the connections through relays that peers keep
	direct *http.Transport // and those to nodes' own addresses

	mu    sync.Mutex
	peers map[peerKey]*peer
}

// peerKey is whom a shared connection leads to. A name that gets another device
// gets other connections.
type peerKey struct{ node, device boson.ID }

func newNodes(r *roads) *nodes {
	n := &nodes{roads: r, peers: map[peerKey]*peer{}}
	n.single = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			t := tripOf(ctx)
			c, err := opened(ctx, t.c.ip, func(ctx context.Context) (net.Conn, error) { return n.roads.DialNode(ctx, t.rec) })
			if err != nil {
				return nil, err
			}
			return newRefused(c), nil
		},
		DisableKeepAlives: true, DisableCompression: true, ExpectContinueTimeout: waitFor,
		MaxResponseHeaderBytes: maxHeader, WriteBufferSize: packet, ReadBufferSize: packet,
	}
	n.shared = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			rec := ctx.Value(recordKey{}).(names.Record)
			return opened(ctx, netip.AddrPort{}, func(ctx context.Context) (net.Conn, error) { return n.roads.relay.DialNode(ctx, rec) })
		},
		IdleConnTimeout: idleTime, DisableCompression: true, ExpectContinueTimeout: waitFor, MaxResponseHeaderBytes: maxHeader,
		Protocols: new(http.Protocols),
		// A frame fills a packet; with frames of 16 KiB a download takes a third more CPU time.
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 512 << 10, MaxReadFrameSize: packet - 9, SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	n.shared.Protocols.SetUnencryptedHTTP2(true)
	n.direct = n.shared.Clone()
	n.direct.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		rec, at := ctx.Value(recordKey{}).(names.Record), ctx.Value(addressKey{}).(netip.AddrPort)
		return opened(ctx, netip.AddrPort{}, func(ctx context.Context) (net.Conn, error) { return n.roads.dialAt(ctx, rec.Node, at) })
	}
	n.direct.HTTP2.SendPingTimeout, n.direct.HTTP2.PingTimeout = r.times.Load().ping, r.times.Load().ping
	return n
}

type (
	recordKey  struct{}
	addressKey struct{}
)

// opened dials, and sees to it that the first bytes prove who we are.
func opened(ctx context.Context, visitor netip.AddrPort, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("dial node: %w", err)
	}
	k, ok := conn.(preface.Keyed)
	if !ok {
		conn.Close()
		return nil, errors.New("dial node: a connection without a session key")
	}
	c, err := preface.Visitor(conn, k.PrefaceKey(), visitor)
	if err == nil && !visitor.IsValid() { // requests of many visitors
		c = gather.New(c)
	}
	return c, err
}

// single says whether a request gets a connection to itself.
func single(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" || r.ContentLength < 0 || r.ContentLength > preface.MaxPooledBody
}

// RoundTrip implements http.RoundTripper, for requests with a trip.
func (n *nodes) RoundTrip(r *http.Request) (*http.Response, error) {
	if single(r) {
		return n.single.RoundTrip(r)
	}
	rec := tripOf(r.Context()).rec
	p := n.peer(peerKey{rec.Node, rec.Device})
	sent := &once{}
	for try := 0; ; try++ {
		conn, err := p.conn(r.Context(), rec)
		if err != nil {
			return nil, err
		}
		res, err := conn.RoundTrip(sent.request(r))
		if err != nil && conn.at.IsValid() && conn.Err() != nil && r.Context().Err() == nil {
			n.roads.failed(rec.Node, conn.at) // the next try goes by the relay
		}
		if err == nil || try > 0 || r.Context().Err() != nil || conn.Err() == nil || !sent.again(r) {
			return res, err
		}
	}
}

// once knows whether a request may be sent again after a connection broke: when
// nothing of it was sent, or when it asks only and has no body.
type once struct {
	headers atomic.Bool
	body    *tried
}

func (o *once) request(r *http.Request) *http.Request {
	if r.Body == nil && safe(r.Method) {
		return r
	}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{WroteHeaders: func() { o.headers.Store(true) }}))
	if r.Body != nil {
		o.body = &tried{r: r.Body}
		r.Body = o.body
	}
	return r
}

func (o *once) again(r *http.Request) bool {
	if r.Body == nil && safe(r.Method) {
		return true
	}
	return !o.headers.Load() && (o.body == nil || o.body.end())
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

var errTriedAgain = errors.New("gateway: the request is on another connection")

// tried is the body of one try. The connection that broke closes it and may read
// it later still; neither must touch what the next try sends.
type tried struct {
	r       io.Reader
	mu      sync.Mutex
	touched bool
	ended   bool
}

func (t *tried) Read(p []byte) (int, error) {
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return 0, errTriedAgain
	}
	t.touched = true
	t.mu.Unlock()
	return t.r.Read(p)
}

// Close is for the request's end, which is ReverseProxy's to say.
func (t *tried) Close() error { return nil }

// end forbids reading and says whether nothing was read.
func (t *tried) end() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	return !t.touched
}

func (n *nodes) peer(k peerKey) *peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.peers[k]
	if p == nil {
		if len(n.peers) >= maxPeers {
			n.sweep()
		}
		p = &peer{n: n}
		n.peers[k] = p
	}
	return p
}

// sweep forgets peers nobody talks to. Their connections end, or have ended, by idleTime.
func (n *nodes) sweep() {
	for k, p := range n.peers {
		if p.idle() {
			delete(n.peers, k)
		}
	}
}

// close ends all shared connections.
func (n *nodes) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.peers {
		p.close()
	}
	clear(n.peers)
}

// peer is a node and the connections to it that requests share.
type peer struct {
	n *nodes

	mu      sync.Mutex
	conns   []sharedConn
	dialing *dialing // requests that find no connection wait for the same new one
}

// sharedConn is a connection and where it leads: a proved address, or the zero
// value for the relay.
type sharedConn struct {
	*http.ClientConn
	at netip.AddrPort
}

type dialing struct {
	done chan struct{}
	err  error
}

// conn returns a connection with room for one more request, reserved.
func (p *peer) conn(ctx context.Context, rec names.Record) (sharedConn, error) {
	for {
		c, d := p.pick(ctx, rec)
		if d == nil {
			return c, nil
		}
		select {
		case <-d.done:
			if d.err != nil {
				return sharedConn{}, d.err
			}
		case <-ctx.Done():
			return sharedConn{}, ctx.Err()
		}
	}
}

// pick looks among the connections of the way that is preferred now. Those of
// another end when their requests do.
func (p *peer) pick(ctx context.Context, rec names.Record) (sharedConn, *dialing) {
	at := p.n.roads.address(rec.Node)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(c sharedConn) bool { return c.Err() != nil })
	var open []sharedConn
	for _, c := range p.conns {
		if c.at != at {
			continue
		}
		if c.Reserve() == nil {
			return c, nil
		}
		open = append(open, c)
	}
	if len(open) >= maxShared {
		return open[0], nil // it waits there for a place
	}
	if p.dialing == nil {
		p.dialing = &dialing{done: make(chan struct{})}
		// The connection is for all who wait, so it does not end with this request.
		go p.dial(context.WithValue(context.WithoutCancel(ctx), recordKey{}, rec), rec, at, p.dialing)
	}
	return sharedConn{}, p.dialing
}

func (p *peer) dial(ctx context.Context, rec names.Record, at netip.AddrPort, d *dialing) {
	by := p.n.shared
	if at.IsValid() {
		by, ctx = p.n.direct, context.WithValue(ctx, addressKey{}, at)
	}
	c, err := by.NewClientConn(ctx, "http", rec.Node.String()+":80")
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.conns = append(p.conns, sharedConn{c, at})
	case at.IsValid():
		p.n.roads.failed(rec.Node, at) // who waits goes by the relay
	default:
		d.err = err
	}
	p.dialing = nil
	close(d.done)
}

func (p *peer) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if c.Err() == nil && c.InFlight() > 0 {
			return false
		}
	}
	return p.dialing == nil
}

func (p *peer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}
