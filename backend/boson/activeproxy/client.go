package activeproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pc2/backend/boson"
)

// ClientConfig says which relay, and as whom. Relay, Peer, Device and User are
// needed; for the rest, zero means the default.
type ClientConfig struct {
	Relay  string          // host:port
	Peer   boson.ID        // the relay's key
	Device boson.DeviceKey // Key.RelayDevice(Peer)
	User   boson.ID        // the node

	Name bool // ask for a named endpoint
	Idle int  // connections kept ready; 2

	// Dial is net.Dialer.DialContext if nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// OnState is called by Run at each change and must not block.
	OnState func(State)
	Log     *slog.Logger
}

// Phase is how far a session has come.
type Phase int

const (
	Offline Phase = iota
	Connecting
	Online
)

func (p Phase) String() string { return [...]string{"offline", "connecting", "online"}[p] }

// State is what there is to know about a Client.
type State struct {
	Phase   Phase
	Session Session // of Online
	Err     error   // of Offline: why the session ended, or did not begin
}

// Session is what a relay has granted.
type Session struct {
	Endpoint    string // host:port of the mapped port, as the relay writes it
	Named       string // host name, or ""
	Connections int    // at most so many
	Relay       net.Addr
	Since       time.Time
}

const (
	dialLimit   = 16 * time.Second
	answerLimit = 15 * time.Second // for CHALLENGE, and for the answer to ours
	acceptLimit = 8 * time.Second  // the reference client dials its upstream for so long

	pingEvery = 30 * time.Second
	idleDead  = 90 * time.Second  // three unanswered
	busyDead  = 180 * time.Second // the protocol's; a PING may wait behind much data

	shrinkEvery = time.Minute
	shrinkAfter = 5 * time.Minute

	ourConnections = 256 // more than that we never open
	maxSpare       = 16
)

// Client is a device's end: a net.Listener whose connections are a relay's visitors.
type Client struct {
	cfg ClientConfig
	log *slog.Logger

	pool   *buffers
	accept chan *Conn
	ready  chan struct{} // one value: nobody runs
	once   sync.Once
	closed chan struct{}

	mu    sync.Mutex
	state State
	heard atomic.Int64 // unix nanoseconds
}

// NewClient checks cfg. It opens nothing; Run does.
func NewClient(cfg ClientConfig) (*Client, error) {
	switch {
	case cfg.Relay == "":
		return nil, errors.New("activeproxy: no relay")
	case cfg.User.IsZero():
		return nil, errors.New("activeproxy: no user")
	}
	if _, err := cfg.Peer.BoxPublic(); err != nil {
		return nil, fmt.Errorf("activeproxy: key of the relay: %w", err)
	}
	if cfg.Idle <= 0 {
		cfg.Idle = 2
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Client{
		cfg: cfg, log: cfg.Log.With("relay", cfg.Relay), pool: newBuffers(),
		accept: make(chan *Conn), ready: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	c.ready <- struct{}{}
	return c, nil
}

// Accept waits for the next visitor, of this session or a later one.
func (c *Client) Accept() (net.Conn, error) {
	select {
	case conn := <-c.accept:
		return conn, nil
	case <-c.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Run, and with it every connection.
func (c *Client) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// Addr is the relay's, as configured.
func (c *Client) Addr() net.Addr { return relayAddr(c.cfg.Relay) }

type relayAddr string

func (relayAddr) Network() string  { return "boson-activeproxy" }
func (a relayAddr) String() string { return string(a) }

// State is the last one that OnState was told.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// LastHeard is when the relay last sent anything; zero for never.
func (c *Client) LastHeard() time.Time {
	if n := c.heard.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

func (c *Client) report(s State) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
	if c.cfg.OnState != nil {
		c.cfg.OnState(s)
	}
}

// Run keeps one session: it dials, authenticates, and serves until the last
// connection is gone, and says why it ended. Whoever wants another session calls it
// again; the listener goes on. Cancelling ctx is no error.
func (c *Client) Run(ctx context.Context) error {
	select {
	case <-c.ready:
	default:
		return ErrRunning
	}
	defer func() { c.ready <- struct{}{} }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-c.closed:
			cancel(net.ErrClosed)
		case <-stop:
		}
	})
	defer wg.Wait()
	defer close(stop)

	c.report(State{Phase: Connecting})
	err := c.session(ctx)
	switch {
	case context.Cause(ctx) == net.ErrClosed:
		err = net.ErrClosed
	case ctx.Err() != nil:
		err = nil
	}
	c.report(State{Phase: Offline, Err: err})
	return err
}

func (c *Client) session(ctx context.Context) error {
	s := &clientSession{
		client: c, key: boson.NewBoxKey(),
		links: map[*link]bool{}, changed: make(chan struct{}, 1),
	}
	peer, err := c.cfg.Device.Box(c.cfg.Peer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrImpostor, err)
	}
	s.peer = boson.NewContext(peer)
	first, err := s.authenticate(ctx)
	if err != nil {
		return err
	}
	c.heard.Store(time.Now().UnixNano())
	c.log.Info("relay session", "endpoint", s.granted.Endpoint, "named", s.granted.Named, "connections", s.granted.Connections)
	c.report(State{Phase: Online, Session: s.granted})
	return s.run(ctx, first)
}
