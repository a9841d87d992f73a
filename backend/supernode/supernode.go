package supernode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"pc2/backend/boson"
	"pc2/backend/boson/activeproxy"
	"pc2/backend/doorway"
	"pc2/backend/gateway"
	"pc2/backend/names"
	"pc2/backend/store"
)

// Config of a super node. Dir, Domain, HTTP and Proxy are required.
type Config struct {
	Dir        string
	Key        *boson.Key // nil: the one in Dir, made at first
	Domain     string     // names live below it
	Scheme     string     // of public addresses: https (default) or http
	PublicHost string     // host of the relay's endpoints, as nodes' visitors see it; "": the one that a node reached
	HTTP       string     // host:port of the web gateway; port 0: a free one, kept
	Proxy      string     // host:port of the relay; port 0: a free one, kept
	Ports      activeproxy.PortRange
	OpenRelay  bool // a relay session for any device
	Inside     bool // dial nodes back at private and loopback addresses too: profile local, test networks
	Version    string
	Log        *slog.Logger
}

// SuperNode lends nodes names and a way in.
type SuperNode struct {
	cfg      Config
	log      *slog.Logger
	lock     *flock.Flock
	key      boson.Key
	db       *store.DB
	registry *names.Registry
	relay    *activeproxy.Server
	gateway  *gateway.Gateway
	http     net.Listener
	proxy    net.Listener
	seen     chan boson.ID // devices that came or are there, to be noted
	close    sync.Once
}

// New opens everything and listens. Close or Run must follow.
func New(ctx context.Context, cfg Config) (_ *SuperNode, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &SuperNode{cfg: cfg, log: cfg.Log.With("part", "supernode"), seen: make(chan boson.ID, 1024)}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("super node's folder: %w", err)
	}
	s.lock = flock.New(filepath.Join(cfg.Dir, "lock"), flock.SetPermissions(0o600))
	if got, err := s.lock.TryLock(); err != nil || !got {
		s.lock = nil
		return nil, errors.Join(err, fmt.Errorf("another super node is running on %s", cfg.Dir))
	}
	if cfg.Key != nil {
		s.key = *cfg.Key
	} else if s.key, err = loadKey(filepath.Join(cfg.Dir, "key")); err != nil {
		return nil, fmt.Errorf("super node's key: %w", err)
	}
	if s.db, err = store.Open(ctx, store.Config{Path: filepath.Join(cfg.Dir, "names.db"), Readers: 2, Schema: names.Migrations(), Spare: true, Log: cfg.Log}); err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	s.registry = names.NewRegistry(names.Config{Store: names.NewSQLite(s.db), Self: s.key.ID()})
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, s.newServices()
}

// listen opens both listeners, on the ports of the last start where any may be had.
func (s *SuperNode) listen() (err error) {
	file := filepath.Join(s.cfg.Dir, "ports.json")
	had := readPorts(file)
	if s.http, err = s.open(s.cfg.HTTP, had.HTTP); err != nil {
		return err
	}
	if s.proxy, err = s.open(s.cfg.Proxy, had.Proxy); err != nil {
		return err
	}
	now := chosen{HTTP: portOf(s.http), Proxy: portOf(s.proxy)}
	if now != had {
		return writePorts(file, now)
	}
	return nil
}

func (s *SuperNode) open(addr string, had int) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("super node: %w", err)
	}
	if port == "0" && had != 0 {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(had)))
		if err == nil {
			return l, nil
		}
		s.log.Warn("the port of the last start is taken, another one is used", "port", had, "err", err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("super node cannot listen on %s: %w", addr, err)
	}
	return l, nil
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func (s *SuperNode) newServices() (err error) {
	bind, _, err := net.SplitHostPort(s.cfg.Proxy)
	if err != nil {
		return err
	}
	s.relay, err = activeproxy.NewServer(activeproxy.ServerConfig{
		Key: s.key, OpenRelay: s.cfg.OpenRelay, Host: s.cfg.PublicHost, Bind: bind, Ports: s.cfg.Ports, Log: s.cfg.Log,
		Authorize: s.authorize,
		OnDevice: func(d activeproxy.Device, online bool) {
			select {
			case s.seen <- d.ID:
			default: // the hourly round notes it
			}
		},
	})
	if err != nil {
		return err
	}
	s.gateway, err = gateway.New(gateway.Config{
		Dialer: dialer{s.relay}, Direct: doorway.NewDialer(s.key), Inside: s.cfg.Inside, Names: s.registry, Domain: s.cfg.Domain, Scheme: s.cfg.Scheme, Port: s.publicPort(), Self: s.key.ID(), HTTP: s.http, Log: s.cfg.Log,
	})
	return err
}

// publicPort is in the address of a name: our own where nothing stands in front.
func (s *SuperNode) publicPort() int {
	if s.cfg.Scheme == "http" {
		return portOf(s.http)
	}
	return 0
}

var errUnnamed = errors.New("no name names the device")

func (s *SuperNode) authorize(device, _ boson.ID) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ok, err := s.registry.Admits(ctx, device)
	if err == nil && !ok {
		err = errUnnamed
	}
	return err
}

// dialer reaches nodes through their relay sessions.
type dialer struct{ relay *activeproxy.Server }

// DialNode implements gateway.Dialer.
func (d dialer) DialNode(ctx context.Context, rec names.Record) (net.Conn, error) {
	if d.Via(rec) == "" {
		return nil, gateway.ErrOffline
	}
	c, err := d.relay.DialDevice(ctx, rec.Device)
	if errors.Is(err, activeproxy.ErrOffline) || errors.Is(err, activeproxy.ErrDeclined) {
		return nil, gateway.ErrOffline.Because(err)
	}
	return c, err
}

// Via implements gateway.Dialer.
func (d dialer) Via(rec names.Record) string {
	// A claim can name anybody's device, and a device says in AUTH whose it is: only
	// both together make it the node's.
	if at, ok := d.relay.Device(rec.Device); ok && at.User == rec.Node {
		return "relay"
	}
	return ""
}

// Run serves until ctx ends or a part fails. The super node is closed when it returns.
func (s *SuperNode) Run(ctx context.Context) error {
	defer s.Close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.relay.Run(ctx, s.proxy) })
	g.Go(func() error { return s.gateway.Run(ctx) })
	g.Go(func() error { return s.note(ctx) })
	return g.Wait()
}

// note writes down whose node is there, so that its name stays its own.
func (s *SuperNode) note(ctx context.Context) error {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for {
		var devices []boson.ID
		select {
		case <-ctx.Done():
			return nil
		case id := <-s.seen:
			devices = append(devices, id)
		case <-hourly.C:
			for _, d := range s.relay.Devices() {
				devices = append(devices, d.ID)
			}
		}
		for _, id := range devices {
			if err := s.registry.Seen(ctx, id); err != nil && ctx.Err() == nil {
				s.log.Warn("a name's node was not noted", "err", err)
			}
		}
	}
}

// Close releases everything; it is idempotent.
func (s *SuperNode) Close() {
	s.close.Do(func() {
		for _, l := range []net.Listener{s.http, s.proxy} {
			if l != nil {
				l.Close() // Run may have closed it
			}
		}
		if s.db != nil {
			if err := s.db.Close(); err != nil {
				s.log.Error("close names", "err", err)
			}
		}
		if s.lock != nil {
			if err := s.lock.Unlock(); err != nil {
				s.log.Error("unlock the super node's folder", "err", err)
			}
		}
	})
}

// Ready is what the ready file of pc2super holds.
type Ready struct {
	NodeID      string  `json:"node_id"`
	ProxyPeerID string  `json:"proxy_peer_id"`
	GatewayURL  string  `json:"gateway_url"`
	HTTPAddr    string  `json:"http_addr"`
	HTTPSAddr   *string `json:"https_addr"`
	ProxyAddr   string  `json:"proxy_addr"`
	DHTAddr     *string `json:"dht_addr"`
	PID         int     `json:"pid"`
	Version     string  `json:"version"`
}

// Ready says where the super node is to be found.
func (s *SuperNode) Ready() Ready {
	id := s.key.ID().String()
	return Ready{
		NodeID: id, ProxyPeerID: id, GatewayURL: "http://" + s.http.Addr().String(), HTTPAddr: s.http.Addr().String(), ProxyAddr: s.proxy.Addr().String(),
		PID: os.Getpid(), Version: s.cfg.Version,
	}
}

// Devices tells about the relay sessions that there are.
func (s *SuperNode) Devices() []activeproxy.Device { return s.relay.Devices() }

// ID is the super node's.
func (s *SuperNode) ID() boson.ID { return s.key.ID() }
