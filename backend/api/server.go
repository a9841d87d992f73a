package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"pc2/backend/auth"
	"pc2/backend/boson"
	"pc2/backend/connectivity"
	"pc2/backend/event"
	"pc2/backend/files"
)

// Config sets the edge up. Node, Auth, Files and Bus are required.
type Config struct {
	Version  string
	Node     boson.ID
	NodeName string
	Started  time.Time

	Auth  *auth.Desk
	Files *files.Tree
	Bus   *event.Bus
	Net   *connectivity.Ladder // default: one without super nodes
	UI    fs.FS                // the built page; nil or empty: a page that says so

	// Phrase reads the recovery phrase, for the two routes that may show it.
	Phrase func() (Secret, error)
	// Healthy is nil, or what is wrong. It must not touch the disk.
	Healthy func() error
	// Status answers GET /api/control/status.
	Status func() any
	// ControlToken is the bearer of runtime/control.json.
	ControlToken string

	Desktop Desktop // the program with a window around this node; nil: none

	PublicURL      string
	AllowedHosts   []string // further host names answered
	AllowedOrigins []string // further origins that count as the node's own
	TrustedProxies []netip.Prefix
	Limits         map[string]int // class -> a minute, over the defaults
	StrictWhoami   bool
	Tethered       int // how many wallets count as owner beside the owner

	Log *slog.Logger

	live liveTimes // zero: the usual ones. Tests shorten some.
}

// Secret is a text that shows itself only when asked to.
type Secret interface{ Reveal() string }

// Server is the node's HTTP edge.
type Server struct {
	cfg       Config
	log       *slog.Logger
	hosts     []string // names answered beside the local ones
	cookieID  string
	limits    *limiter
	gates     *gates
	big       chan struct{} // places for JSON bodies that are held in memory
	page      *page
	live      *live
	door      *door
	routesMux *http.ServeMux
	byPattern map[string]*route
}

// New checks the route table and builds the edge. It starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Net == nil {
		cfg.Net = connectivity.New(connectivity.Config{})
	}
	s := &Server{
		cfg: cfg, log: cfg.Log.With("part", "api"), cookieID: cfg.Node.String()[:8],
		limits: newLimiter(cfg.Limits), gates: newGates(32), big: make(chan struct{}, 2), door: newDoor(),
	}
	for _, h := range append(cfg.AllowedHosts, strings.TrimPrefix(strings.TrimPrefix(cfg.PublicURL, "https://"), "http://")) {
		if host, ok := hostOnly(h); ok {
			s.hosts = append(s.hosts, host)
		}
	}
	var err error
	if s.page, err = newPage(cfg.UI); err != nil {
		return nil, fmt.Errorf("the page: %w", err)
	}
	if s.live, err = newLive(s); err != nil {
		return nil, fmt.Errorf("live events: %w", err)
	}
	s.routesMux, err = s.mux(s.routes())
	return s, err
}

// Run carries events to the sockets until ctx ends, then closes them.
func (s *Server) Run(ctx context.Context) error { return s.live.run(ctx) }

// AcceptHost says whether hostport is a name of this node; package auth asks it
// of the host in a sign-in message.
func (s *Server) AcceptHost(hostport string) bool { return s.ourHost(hostport) }

// Handler is the whole edge.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.handle) }

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	c := &call{w: rec, s: s, id: rand.Text()[:16], Request: r}
	s.place(c)
	began := time.Now()
	h := w.Header()
	h.Set("X-Request-Id", c.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-site")
	if c.https() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	defer func() {
		// The pattern, never the address: that can hold a token or a file's name.
		s.log.Debug("request", "request", c.id, "method", r.Method, "route", c.Pattern, "status", rec.status, "bytes", rec.bytes, "ms", time.Since(began).Milliseconds(), "from", c.in)
	}()
	if !s.answers(c) {
		c.serve(func(*call) error { return errHost })
		return
	}
	if r.Method == http.MethodOptions {
		route := s.find(r, r.Header.Get("Access-Control-Request-Method"))
		c.preflight(route != nil && route.own)
		return
	}
	ctx := context.WithValue(r.Context(), callKey{}, c)
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		c.sent = &patient{ReadCloser: r.Body, control: http.NewResponseController(w)}
		r.Body = c.sent
	}
	c.Request = r
	s.routesMux.ServeHTTP(rec, r)
}

const (
	stall  = 60 * time.Second // how long a body may stand still before its connection is given up
	inAll  = 60 * time.Second // for a body that is read before it is known who sends it
	renews = stall / 6
)

// patient gives a body any time it needs, as long as it moves.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
	set     time.Time
	fixed   bool // one deadline for all that is read
}

// hurry sets one deadline: a stranger who sends a byte now and then would else
// keep a connection of the relay for ever.
func (p *patient) hurry() {
	if p != nil {
		p.fixed = true
		_ = p.control.SetReadDeadline(time.Now().Add(inAll))
	}
}

// ease is for somebody who is known.
func (p *patient) ease() {
	if p != nil {
		p.fixed, p.set = false, time.Time{}
	}
}

func (p *patient) Read(b []byte) (int, error) {
	if now := time.Now(); !p.fixed && now.Sub(p.set) > renews {
		p.set = now
		// A connection that knows no deadlines (a test's) is as patient as it is.
		_ = p.control.SetReadDeadline(now.Add(stall))
	}
	n, err := p.ReadCloser.Read(b)
	if err != nil {
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
