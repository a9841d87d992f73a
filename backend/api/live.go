package api

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"pc2/backend/auth"
	"pc2/backend/connectivity"
	"pc2/backend/event"
	"pc2/backend/wallet"
)

// live tells open pages what happens: changes of their files, the end of their
// session. Socket.IO over polling and WebSocket (API specification §13).
//
//	live_engine.go  the library's server, and what it must not do
//	live_door.go    one HTTP request of a connection: who may knock, how much
//	live_signin.go  whose socket it is
//	live_peer.go    one connection and its bounded queue
//	live_hub.go     what goes to whom, in which order, once
//	live_frame.go   the bytes of an event
//
// The goroutine of run owns the hub. Everything else reaches it through the
// inbox, and mu guards only that and two small tables: it is held for no call.
//
// What the library (zishang520/socket.io 3.0.6) does, and what is done about it:
//
//   - Its queue towards a client is unbounded and its writes know no deadline.
//     peer.backlog bounds the one, wire and poll set the other.
//   - Listeners run in whoever emits. "drain", and through it "close", can come
//     while the connection's flush lock is held, and sending takes that lock. So a
//     listener here takes leaf locks only, and nothing is sent under one.
//   - Disconnect(true) and Close cut off what is still being written. Who is told
//     why it ends gets the message, then Disconnect(false), and is closed later.
//   - It tells a WebSocket whose handshake fails that it is over, while the queue
//     still writes to it: mute.
//   - A panic of a listener is swallowed, and printed on stderr.
//   - It refuses a WebSocket whose Origin is foreign, although such a page may come
//     with a token; and it keeps the first request, with its secrets, as long as
//     the connection. The door takes Origin, cookies and tokens off.
//   - A client that has joined no namespace, or left it, could stay for ever.
//   - Its own CORS headers, cookie and compression are off: they are ours, none, and
//     not worth the memory. Its debug log needs a variable that nobody sets.
type live struct {
	s      *Server
	log    *slog.Logger
	times  liveTimes
	io     *socket.Server
	engine engine.Server

	ends  *event.Sub[auth.SessionEnded]
	asks  *event.Sub[auth.PairRequested]
	reach *event.Sub[connectivity.Changed]

	doors     *gates        // places for strangers of one network
	strangers chan struct{} // and for all of them
	queued    atomic.Int64  // packets that wait, over all peers

	mu     sync.Mutex // a leaf, see above
	closed bool
	peers  map[string]*peer       // by Engine.IO's session id
	seats  map[wallet.Address]int // signed-in sockets
	inbox  []func(*hub)
	wake   chan struct{} // of length 1: the inbox has something
}

// liveTimes are the delays.
type liveTimes struct {
	ping, pong time.Duration // a ping each, and how long its answer may take
	signIn     time.Duration // a connection without a session lives that long
	queue      time.Duration // and waits that long for a place
	stall      time.Duration // what a write may take
	grace      time.Duration // between the last word and the end of a connection
	beat       time.Duration // between heartbeats
	coalesce   time.Duration // cache.updated comes this long after a change
	remember   time.Duration // how long events can be asked for again
}

func usualTimes() liveTimes {
	return liveTimes{
		ping: 25 * time.Second, pong: 60 * time.Second, signIn: 10 * time.Second, queue: 5 * time.Second, stall: 30 * time.Second,
		grace: 2 * time.Second, beat: 30 * time.Second, coalesce: 250 * time.Millisecond, remember: 5 * time.Minute,
	}
}

const (
	maxMessage    = 1_000_000 // bytes from a client
	maxEarly      = 64 << 10  // bytes from a client that has not signed in, all together
	maxStrangers  = 100       // connections that have not signed in
	maxNeighbours = 50        // of them, those of one network
	maxSockets    = 400       // of one user
	maxEvents     = 60        // from a socket in a minute; ten times that ends it
	maxRecent     = 200       // events of a user that can be asked for again
)

func newLive(s *Server) (*live, error) {
	l := &live{
		s: s, log: s.cfg.Log.With("part", "live"), times: s.cfg.live,
		// From now on, not from run on: what happens between the two would be missed by
		// a page that has connected already.
		ends:      event.Subscribe[auth.SessionEnded](s.cfg.Bus, 1024),
		asks:      event.Subscribe[auth.PairRequested](s.cfg.Bus, 64),
		reach:     event.Subscribe[connectivity.Changed](s.cfg.Bus, 64),
		doors:     newGates(maxNeighbours),
		strangers: make(chan struct{}, maxStrangers),
		peers:     map[string]*peer{}, seats: map[wallet.Address]int{}, wake: make(chan struct{}, 1),
	}
	if l.times == (liveTimes{}) {
		l.times = usualTimes()
	}
	l.listen()
	return l, nil
}

// listen sets the library up.
func (l *live) listen() {
	o := socket.DefaultServerOptions()
	o.SetPingInterval(l.times.ping)
	o.SetPingTimeout(l.times.pong)
	o.SetMaxHttpBufferSize(maxMessage)
	o.SetConnectTimeout(l.times.signIn)
	o.SetAllowEIO3(true)
	o.SetServeClient(false)
	o.SetHttpCompression(nil)
	l.io = socket.NewServer(nil, o)
	l.io.Use(l.admit)
	_ = l.io.On("connection", l.welcome) // these never fail
	l.engine = newMute(o)
	// Before Bind, whose own listener lets a client of the older protocol into the
	// namespace at once: by then the peer must be known.
	_ = l.engine.On("connection", l.opened)
	l.io.Bind(l.engine)
}

// run carries events to the sockets until ctx ends, and then ends them.
func (l *live) run(ctx context.Context) error {
	h := newHub(l.s.cfg.Bus, uint64(time.Now().UnixMilli()), l.times)
	beat := time.NewTicker(l.times.beat)
	defer beat.Stop()
	soon, due := time.NewTimer(time.Hour), time.Time{}
	defer soon.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case c := <-h.heard():
			h.changed(c, time.Now())
		case e := <-l.ends.C():
			h.end(e, time.Now())
		case r := <-l.asks.C():
			h.ask(r)
		case n := <-l.reach.C():
			h.everybody(reachFrame(n.State))
		case <-l.wake:
			l.deliver(h)
		case <-soon.C:
		case <-beat.C:
			h.heartbeat(time.Now())
			h.rest(time.Now())
		}
		if n := h.missed(); n > 0 {
			l.log.Warn("changes came faster than they could be told; every page reads again", "lost", n)
			h.lost(time.Now())
		}
		if l.ends.Lost() > 0 {
			l.recheck(h)
		}
		if l.reach.Lost() > 0 { // perhaps the newest
			h.everybody(reachFrame(l.s.cfg.Net.State()))
		}
		h.tell(time.Now())
		if next := h.due(); next != due && !next.IsZero() {
			due = next
			soon.Reset(time.Until(due))
		}
	}
	l.close(h)
	return nil
}

func reachFrame(n connectivity.State) frame {
	return say("boson.status", map[string]any{"username": username(n), "connectivity": link(n)})
}

// post has f run on the hub, after what was posted before.
func (l *live) post(f func(*hub)) {
	l.mu.Lock()
	l.inbox = append(l.inbox, f)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *live) deliver(h *hub) {
	l.mu.Lock()
	all := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, f := range all {
		f(h)
	}
}

// recheck asks for every session whether it still holds: some ends were not heard.
func (l *live) recheck(h *hub) {
	for id, peers := range h.sessions {
		for p := range peers {
			if _, err := l.authenticate(p, p.token); isRefusal(err) {
				h.end(auth.SessionEnded{SessionID: id, Wallet: p.who.User.Wallet, Reason: refusal(err)}, time.Now())
			}
			break // all of them have the same session
		}
	}
}

// close says goodbye and ends every connection. What does not end by itself is
// left behind after a few seconds: its HTTP server is about to close it.
func (l *live) close(h *hub) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.deliver(h)
	h.farewell(time.Second)
	l.io.Close(nil)
	h.deaf()
	l.ends.Close()
	l.asks.Close()
	l.reach.Close()
	late := time.NewTimer(5 * time.Second)
	defer late.Stop()
	for l.count() > 0 {
		select {
		case <-l.wake:
			l.deliver(h)
		case <-late.C:
			l.log.Warn("some sockets did not end", "left", l.count())
			return
		}
	}
}

func (l *live) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.peers)
}
