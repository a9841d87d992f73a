package doorway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pc2/backend/boson"
	"pc2/backend/internal/lobby"
)

// Config of a listener. Key and Supers are required; zero means the default.
type Config struct {
	Key     boson.Key  // the node's
	Supers  []boson.ID // who may come in
	Timeout time.Duration
	Max     int // connections in their handshake; 512
	PerIP   int // of these, of one address; 128
	Open    int // connections of gateways; 256
	Log     *slog.Logger
	Now     func() time.Time
}

var (
	errStranger = errors.New("doorway: no ticket of a super node")
	errCrowd    = errors.New("doorway: too many connections")
)

// Listen returns a listener above inner, which it closes in the end. Its Accept
// returns a *Conn for each gateway; nobody else gets a byte.
func Listen(inner net.Listener, cfg Config) (net.Listener, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	for n, byDefault := range map[*int]int{&cfg.Max: 512, &cfg.PerIP: 128, &cfg.Open: 256} {
		if *n <= 0 {
			*n = byDefault
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	own, err := certify(cfg.Key)
	if err != nil {
		return nil, err
	}
	t, err := newTickets(cfg.Key, cfg.Supers, cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("doorway: key of a super node: %w", err)
	}
	h := &house{cfg: cfg, tickets: t, shaking: map[netip.Addr]int{}, tls: settings(own)}
	h.tls.ClientAuth = tls.RequireAnyClientCert
	h.tls.VerifyConnection = func(s tls.ConnectionState) error {
		id, err := peer(s)
		if err == nil && !slices.Contains(cfg.Supers, id) {
			err = ErrKey
		}
		return err
	}
	log := cfg.Log.With("part", "doorway")
	return lobby.New(inner, lobby.Config{
		Timeout: cfg.Timeout, Max: cfg.Max, Admit: h.admit,
		Refused: func(c net.Conn, err error) {
			log.Debug("connection closed", "from", c.RemoteAddr().String(), "err", err)
		},
	}), nil
}

// house is what the connections of a listener share.
type house struct {
	cfg     Config
	tls     *tls.Config
	tickets *tickets
	open    atomic.Int64

	mu      sync.Mutex
	shaking map[netip.Addr]int
}

// admit makes the end the same for every stranger, whatever they sent and however
// much of it was read: a reset.
func (h *house) admit(raw net.Conn) (net.Conn, error) {
	linger(raw, 0)
	conn, err := h.shake(raw)
	if err != nil {
		return nil, err
	}
	linger(raw, -1)
	return conn, nil
}

func linger(c net.Conn, seconds int) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(seconds) // it fails on a connection that has ended anyway
	}
}

func (h *house) shake(raw net.Conn) (*Conn, error) {
	who := network(raw.RemoteAddr())
	if !h.enter(who) {
		return nil, errCrowd
	}
	defer h.leave(who)
	quiet := &quiet{Conn: raw}
	leave := func() {}
	cfg := h.tls.Clone()
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		modern := slices.Contains(hello.SupportedVersions, tls.VersionTLS13)
		if !modern || hello.ServerName != "" || !h.tickets.spend(hello.SupportedProtos) {
			return nil, errStranger
		}
		// Now, not after the handshake: the gateway would take it for a good one.
		if h.open.Add(1) > int64(h.cfg.Open) {
			h.open.Add(-1)
			return nil, errCrowd
		}
		leave = sync.OnceFunc(func() { h.open.Add(-1) })
		quiet.open.Store(true)
		return nil, nil
	}
	c := tls.Server(quiet, cfg)
	if err := c.HandshakeContext(context.Background()); err != nil { // the lobby's deadline ends it
		leave()
		return nil, err
	}
	conn, err := newConn(c)
	if err != nil {
		leave()
		return nil, err
	}
	conn.leave = leave
	return conn, nil
}

func (h *house) enter(who netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shaking[who] >= h.cfg.PerIP {
		return false
	}
	h.shaking[who]++
	return true
}

func (h *house) leave(who netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shaking[who]--; h.shaking[who] == 0 {
		delete(h.shaking, who)
	}
}

// network is whom a bound counts: an IPv4 address, or the /64 of an IPv6 one.
func network(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}

// quiet swallows what TLS would say to a stranger, alerts included.
type quiet struct {
	net.Conn
	open atomic.Bool
}

func (q *quiet) Write(p []byte) (int, error) {
	if !q.open.Load() {
		return len(p), nil
	}
	return q.Conn.Write(p)
}
