package api

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"pc2/backend/auth"
	"pc2/backend/wallet"
)

// peer is one connection of a browser, from its first request on. At most one
// socket is opened on it, and when that ends, so does the connection.
type peer struct {
	live *live

	// What the first request said.
	ip    netip.Addr
	agent string
	late  bool   // may sign in by an event after the socket is open
	token string // later: that of the session

	early   atomic.Int64 // bytes it has sent
	known   atomic.Bool  // it has a session: early is no longer counted
	backlog backlog

	conn engine.Socket                 // set when the connection opens
	sock atomic.Pointer[socket.Socket] // set when its socket opens
	who  auth.Principal                // set before known

	mu    sync.Mutex // guards the rest; a leaf
	gone  bool
	taken bool        // its one socket was let in
	over  bool        // and has ended
	timer *time.Timer // until it must have signed in; when over, until it is closed
	leave func()      // gives back its place among the strangers
	stand func()      // gives back its seat among the user's sockets
}

// peerKey is where the peer travels in its first request's context.
type peerKey struct{}

func peerOf(conn engine.Socket) *peer {
	p, _ := conn.Request().Request().Context().Value(peerKey{}).(*peer)
	return p
}

// opened makes a connection known.
func (l *live) opened(args ...any) {
	conn, ok := args[0].(engine.Socket)
	if !ok {
		return
	}
	p := peerOf(conn)
	if p == nil {
		conn.Close(true) // it came by another door, which there is not
		return
	}
	p.conn = conn
	p.backlog.total = &l.queued
	_ = conn.On("packetCreate", func(args ...any) {
		if x, ok := args[0].(*packet.Packet); ok && p.backlog.add(x) {
			l.log.Info("a page does not read its events: closed", "wallet", p.wallet(), "from", p.ip)
			go conn.Close(true) // not here: somebody is sending
		}
	})
	_ = conn.On("flush", func(args ...any) {
		if sent, ok := args[0].([]*packet.Packet); ok {
			p.backlog.sent(sent)
		}
	})
	l.mu.Lock()
	stopped := l.closed
	l.peers[conn.Id()] = p
	l.mu.Unlock()
	p.await(l.times.signIn)
	_ = conn.Once("close", func(...any) { p.closed() })
	if conn.ReadyState() == "closed" {
		p.closed() // before the line above
	} else if stopped {
		conn.Close(true)
	}
}

// closed is called when the connection is no more; at least once.
func (p *peer) closed() {
	p.mu.Lock()
	again := p.gone
	p.gone = true
	leave, stand := p.leave, p.stand
	p.leave, p.stand = nil, nil
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	if again {
		return
	}
	for _, f := range []func(){leave, stand} {
		if f != nil {
			f()
		}
	}
	p.backlog.close()
	// A closed polling transport keeps a timer for half a minute, for a client that
	// polls once more; this has it find that out now.
	if tr := p.conn.Transport(); tr.Name() == transports.POLLING && tr.ReadyState() == "closing" {
		tr.Send([]*packet.Packet{{Type: packet.NOOP}})
	}
	l := p.live
	l.mu.Lock()
	delete(l.peers, p.conn.Id())
	l.mu.Unlock()
	l.post(func(h *hub) { h.leave(p, time.Now()) })
}

// quit is called when the socket has ended, by the client or by us.
func (p *peer) quit() {
	p.live.post(func(h *hub) { h.leave(p, time.Now()) })
	p.closeSoon()
}

// end tells why the session ended, and ends the socket.
func (p *peer) end(reason string) {
	p.send(say("reauth_required", map[string]any{"reason": reason}))
	p.finish()
}

// finish ends the socket after what was sent before.
func (p *peer) finish() {
	p.sock.Load().Disconnect(false)
	p.closeSoon() // quit does it too, unless the socket was closing already
}

func (p *peer) kill() { p.conn.Close(true) }

// await gives a new connection its time to sign in.
func (p *peer) await(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		p.timer = time.AfterFunc(d, p.strange)
	}
}

// settle ends that time: it has signed in.
func (p *peer) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil && !p.over {
		p.timer.Stop()
	}
}

// closeSoon leaves it to the client to close the connection, for a moment.
func (p *peer) closeSoon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.over {
		return
	}
	p.over = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(p.live.times.grace, p.kill)
}

func (p *peer) isGone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

func (p *peer) socketID() string { return string(p.sock.Load().Id()) }

// wallet is whose it is, once it has signed in.
func (p *peer) wallet() wallet.Address {
	if !p.known.Load() {
		return wallet.Address{}
	}
	return p.who.User.Wallet
}

// send queues f. It never waits for the client.
func (p *peer) send(f frame) { p.sendThen(f, nil) }

// sendThen also calls then when f is written, or never.
func (p *peer) sendThen(f frame, then func()) {
	var sent engine.SendCallback
	if then != nil {
		sent = func(transports.Transport) { then() }
	}
	p.conn.Write(strings.NewReader(f.text), &packet.Options{WsPreEncodedFrame: f.ws}, sent)
}

// backlog counts what waits to be handed to the transport. As much again can be
// in its hands. One packet costs some 200 bytes beside the text, which all
// sockets share.
type backlog struct {
	mu      sync.Mutex
	packets int
	bytes   int
	closed  bool
	total   *atomic.Int64 // packets of all peers
}

const (
	maxQueued      = 8192    // packets of a peer: a burst of changes, on the way to a page that reads
	maxQueuedBytes = 8 << 20 // and their text
	maxCrowd       = 1 << 16 // packets of all peers; past it, a peer may have
	maxInCrowd     = 512
)

// add counts a packet that is about to be queued. full is true once: the peer has
// more than it may have.
func (b *backlog) add(x *packet.Packet) (full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.packets++
	b.bytes += sizeOf(x)
	most := maxQueued
	if b.total.Add(1) > maxCrowd {
		most = maxInCrowd
	}
	if b.packets <= most && b.bytes <= maxQueuedBytes {
		return false
	}
	b.drop()
	return true
}

func (b *backlog) sent(all []*packet.Packet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.packets -= len(all)
	b.total.Add(-int64(len(all)))
	for _, x := range all {
		b.bytes -= sizeOf(x)
	}
}

func (b *backlog) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.drop()
	}
}

func (b *backlog) drop() {
	b.closed = true
	b.total.Add(-int64(b.packets))
}

func sizeOf(x *packet.Packet) int {
	if d, ok := x.Data.(interface{ Len() int }); ok {
		return d.Len()
	}
	return 0
}
