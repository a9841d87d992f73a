package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"pc2/backend/boson"
	"pc2/backend/doorway"
	"pc2/backend/fault"
	"pc2/backend/names"
)

// Dialer reaches nodes.
type Dialer interface {
	// DialNode opens a connection to the node of rec, whose PrefaceKey (see
	// preface.Keyed) proves to the node who opened it. ErrOffline: the node is not there.
	DialNode(ctx context.Context, rec names.Record) (net.Conn, error)
	// Via says how the node is reached now, "relay"; "" if it is not.
	// It is asked for every request, so it looks and does not try.
	Via(rec names.Record) string
}

// ErrOffline: the node is not there.
var ErrOffline = fault.New(fault.Upstream, "upstream_error", "This PC is offline. It may be switched off, asleep or without internet.")

// Config sets a gateway up. Dialer, Names and Domain are required.
type Config struct {
	Dialer Dialer
	Names  *names.Registry
	Domain string   // names live below it
	Scheme string   // of the public addresses: https (default) or http
	Port   int      // of the public addresses; 0: the scheme's own
	Self   boson.ID // this super node

	// Direct dials nodes that have addresses of their own; nil: all have the relay alone.
	Direct *doorway.Dialer
	Inside bool // dial back to private and loopback addresses too: profile local, tests

	HTTP  net.Listener // clear HTTP; redirects to https if that is here too
	HTTPS net.Listener // TLS with the certificates of TLS
	TLS   *tls.Config

	// Limits are class -> number over the defaults, 0 for none: register, reach, api,
	// offline (a minute and IP), proxy (requests in flight, an IP), alone
	// (those with a connection of the node to themselves).
	Limits map[string]int
	Log    *slog.Logger
	Now    func() time.Time

	patience  time.Duration // how long bytes may stand still; tests are less patient
	standTime time.Duration // and where many visitors take nothing
	times     times         // zero: the usual ones
}

// Gateway is the super node's web edge.
type Gateway struct {
	cfg      Config
	log      *slog.Logger
	started  time.Time
	proxy    *httputil.ReverseProxy
	roads    *roads
	nodes    *nodes
	records  *records
	limits   *limiter
	places   *places[netip.Addr]
	alone    alone
	standing *standing
	reaching *reaching
	flying   sync.WaitGroup // requests at nodes
	pages    *pages
	api      map[string]route
}

// New builds a gateway. It starts nothing.
func New(cfg Config) (*Gateway, error) {
	if cfg.Dialer == nil || cfg.Names == nil {
		return nil, errors.New("gateway: Dialer and Names are required")
	}
	cfg.Domain = strings.ToLower(strings.Trim(cfg.Domain, "."))
	if host, _, ok := splitHost(cfg.Domain); !ok || host != cfg.Domain {
		return nil, fmt.Errorf("gateway: domain %q is no host name", cfg.Domain)
	}
	if cfg.Scheme == "" {
		cfg.Scheme = "https"
	}
	if cfg.Scheme != "https" && cfg.Scheme != "http" {
		return nil, fmt.Errorf("gateway: scheme %q is neither https nor http", cfg.Scheme)
	}
	if (cfg.HTTPS == nil) != (cfg.TLS == nil) {
		return nil, errors.New("gateway: HTTPS and TLS belong together")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.patience <= 0 {
		cfg.patience = time.Minute
	}
	if cfg.standTime <= 0 {
		cfg.standTime = standTime
	}
	if cfg.times == (times{}) {
		cfg.times = usual
	}
	roads := newRoads(cfg.Dialer, cfg.Direct, cfg.Now, cfg.times)
	g := &Gateway{
		cfg: cfg, log: cfg.Log.With("part", "gateway"), started: cfg.Now(),
		limits: newLimiter(cfg.Limits, cfg.Now), records: newRecords(cfg.Names, cfg.Now),
		roads: roads, nodes: newNodes(roads), reaching: newReaching(),
	}
	g.places = newPlaces[netip.Addr](g.limits.of("proxy"))
	g.alone = newAlone(g.limits.of("alone"))
	g.standing = newStanding(cfg.standTime)
	g.proxy = g.newProxy()
	g.api = g.routes()
	var err error
	g.pages, err = newPages()
	return g, err
}

// URL is the public address of a name.
func (g *Gateway) URL(n names.Name) string { return g.origin(n.String() + "." + g.cfg.Domain) }

// origin is the public address of a host, by the configuration.
func (g *Gateway) origin(host string) string {
	return g.cfg.Scheme + "://" + host + publicPort(g.cfg.Scheme, strconv.Itoa(g.cfg.Port))
}

// publicPort is what follows the host in an address.
func publicPort(scheme, port string) string {
	if port == "" || port == "0" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return ""
	}
	return ":" + port
}

// Handler is the whole edge.
func (g *Gateway) Handler() http.Handler { return http.HandlerFunc(g.handle) }

func (g *Gateway) handle(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, w: w, g: g, ip: peerAddr(r.RemoteAddr)}
	if r.ContentLength != 0 {
		body := newPatient(r, w, g.cfg.patience)
		defer body.stop()
		c.Request = r.WithContext(r.Context()) // net/http looks at the body of its own request when all is over
		c.Body, c.body = body, body
	}
	c.answer(func() error {
		at, err := g.place(r.Host)
		if err != nil {
			return err
		}
		c.at = at
		switch {
		case r.Method == http.MethodConnect || r.Method == "PRI": // tunnels; HTTP/2 where none is spoken
			return errMethod
		case at.dotted && !at.name.IsZero():
			return c.redirect(c.scheme() + "://" + at.host + r.URL.RequestURI())
		case !at.name.IsZero():
			return c.visit()
		}
		return c.own()
	})
}

// peerAddr is the visitor's address; the zero value, of no class but its own, if
// there is none.
func peerAddr(hostport string) netip.AddrPort {
	a, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
