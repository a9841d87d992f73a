package activeproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"pc2/backend/boson"
)

// ServerConfig is a relay. Key and one of Authorize and OpenRelay are needed; for
// the rest, zero means the default.
type ServerConfig struct {
	Key boson.Key // its ID is what clients know as the peer

	// Authorize says whether a device that has proved its key may have a session.
	// user is what the device says, and not proved. OpenRelay admits any device.
	Authorize func(device, user boson.ID) error
	OpenRelay bool
	// NamedEndpoint is the host name for a device that asks for one; "" declines.
	NamedEndpoint func(device boson.ID) string
	// OnDevice is called when a device has a session and when it has none any
	// more; not when one session replaces another. It must not block, nor call End.
	OnDevice func(d Device, online bool)

	Host  string // of the endpoints told to devices; the address that they reached
	Bind  string // mapped ports listen on it; the host of Run's listener
	Ports PortRange

	Connections   int // in a session, visitors of the mapped port take at most half; 256
	Sessions      int // 4096
	SessionsPerIP int // 256; in IPv6 an address is a /64
	Guests        int // connections before AUTH or ATTACH; 1024
	GuestsPerIP   int // 128
	VisitorsPerIP int // on the mapped port of one session; 32
	Waiting       int // for a free connection of one session; 128

	Log *slog.Logger
}

// Device is what there is to know about a session.
type Device struct {
	ID, User    boson.ID
	Endpoint    string
	Named       string
	Port        int            // the mapped one
	From        netip.AddrPort // of the device, as the relay sees it
	Since       time.Time
	Connections int
	Busy        int
}

const (
	guestLimit   = 10 * time.Second
	guestMax     = 512 // bytes of AUTH or ATTACH, which padded have 256
	refuseDelay  = 6500 * time.Millisecond
	connectLimit = 20 * time.Second // for CONNECT_ACK
	graceLimit   = 30 * time.Second // a session without connections
	linkIdle     = 120 * time.Second
	visitorIdle  = 60 * time.Second
	visitorWait  = 30 * time.Second // for a free connection
	visitorLong  = 2 * time.Second  // to read our last bytes, after the end
)

// Server is a relay.
type Server struct {
	cfg    ServerConfig
	log    *slog.Logger
	pool   *buffers
	door   *door
	ports  *ports
	verify chan struct{} // so that strangers' signatures leave time for relaying
	wg     sync.WaitGroup

	// For tests, which replay recorded sessions.
	challenge  func() []byte
	sessionKey func() boson.BoxKey

	// turn is held while a session comes or goes and OnDevice is told, so that it
	// is told in order; mu is taken after it.
	turn     sync.Mutex
	mu       sync.Mutex
	started  bool
	stopped  bool
	sessions map[boson.ID]*serverSession
	places   map[netip.Prefix]int // sessions by address
}

// NewServer checks cfg. It opens nothing; Run does.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Authorize == nil && !cfg.OpenRelay {
		return nil, errors.New("activeproxy: neither Authorize nor OpenRelay")
	}
	if p := cfg.Ports; p != (PortRange{}) && (p.First < 1 || p.Last < p.First || p.Last > 65535) {
		return nil, fmt.Errorf("activeproxy: ports %d-%d", p.First, p.Last)
	}
	for n, byDefault := range map[*int]int{
		&cfg.Connections: 256, &cfg.Sessions: 4096, &cfg.SessionsPerIP: 256,
		&cfg.Guests: 1024, &cfg.GuestsPerIP: 128, &cfg.VisitorsPerIP: 32, &cfg.Waiting: 128,
	} {
		if *n <= 0 {
			*n = byDefault
		}
	}
	cfg.Connections = min(cfg.Connections, 65535)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, pool: newBuffers(), door: newDoor(cfg.GuestsPerIP, cfg.Guests),
		verify:    make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		challenge: newChallenge, sessionKey: boson.NewBoxKey,
		sessions: map[boson.ID]*serverSession{}, places: map[netip.Prefix]int{},
	}
	s.ports = &ports{from: cfg.Ports, host: cfg.Bind, listen: listenTCP, kept: map[boson.ID]keptPort{}}
	return s, nil
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// Run serves l, which it closes, until ctx ends. When it returns, nothing is open.
// A Server runs once.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	defer l.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	if s.started {
		s.mu.Unlock()
		return ErrRunning
	}
	s.started = true
	if s.ports.host == "" {
		s.ports.host, _, _ = net.SplitHostPort(l.Addr().String())
	}
	s.mu.Unlock()

	s.wg.Go(func() {
		<-ctx.Done()
		l.Close()
		s.stop()
	})
	err := acceptAll(ctx, l, func(conn net.Conn) {
		// Here and not in the goroutine: who came first is the one to go first.
		g := s.door.enter(conn)
		s.wg.Go(func() { s.greet(ctx, g) })
	})
	cancel(errStopped)
	s.wg.Wait()
	if err != nil {
		return fmt.Errorf("activeproxy: accept: %w", err)
	}
	return nil
}

// stop ends every session and sends all guests away.
func (s *Server) stop() {
	s.door.shut()
	s.mu.Lock()
	s.stopped = true
	var all []*serverSession
	for _, session := range s.sessions {
		all = append(all, session)
	}
	s.mu.Unlock()
	for _, session := range all {
		s.end(session, errStopped)
	}
}

// acceptAll calls handle, which must not block, until ctx ends. Without
// descriptors it waits: connections will end.
func acceptAll(ctx context.Context, l net.Listener, handle func(net.Conn)) error {
	delay := time.Duration(0)
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			delay = 0
			handle(conn)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(delay):
			case <-ctx.Done():
			}
		}
	}
}

// DialDevice opens a connection to what the device serves. While all its
// connections are taken it waits, until ctx ends.
func (s *Server) DialDevice(ctx context.Context, device boson.ID) (net.Conn, error) {
	var last *serverSession
	for {
		session := s.session(device)
		if session == nil || session == last {
			return nil, ErrOffline
		}
		conn, err := session.dial(ctx, netip.AddrPort{})
		if err == nil {
			return conn, nil
		}
		if !errors.Is(err, ErrOffline) {
			return nil, err
		}
		last = session // ended meanwhile; there may be a new one
	}
}

func (s *Server) session(device boson.ID) *serverSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[device]
}

// Device tells about the session of a device, if it has one.
func (s *Server) Device(device boson.ID) (Device, bool) {
	session := s.session(device)
	if session == nil {
		return Device{}, false
	}
	return session.describe(), true
}

// Devices tells about all sessions.
func (s *Server) Devices() []Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Device, 0, len(s.sessions))
	for _, session := range s.sessions {
		all = append(all, session.describe())
	}
	return all
}

// End ends the session of a device that is no longer wanted.
func (s *Server) End(device boson.ID) {
	if session := s.session(device); session != nil {
		s.end(session, errEnded)
	}
}
