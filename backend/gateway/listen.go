package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pc2/backend/internal/lobby"
)

const (
	maxHead  = 64 << 10 // of a request
	headTime = 10 * time.Second
	restTime = 2 * time.Minute // a connection without a request
	handTime = 10 * time.Second
	lastTime = 5 * time.Second // for requests that run when the gateway stops
)

// Run serves the listeners until ctx ends, then lets requests finish for a few
// seconds and ends the rest: uploads, downloads and sockets go on at their ends
// with another connection.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.nodes.close()
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	open := newPlaces[netip.Addr](4 * g.places.limit)
	var servers []*http.Server
	failed := make(chan error, 2)
	var running sync.WaitGroup
	serve := func(l net.Listener, h http.Handler) {
		s := g.server(base, h)
		servers = append(servers, s)
		running.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	if g.cfg.HTTP != nil && g.cfg.HTTPS != nil {
		serve(plain{crowd{g.cfg.HTTP, open}}, http.HandlerFunc(g.toTLS))
	} else if g.cfg.HTTP != nil {
		serve(plain{crowd{g.cfg.HTTP, open}}, g.Handler())
	}
	if g.cfg.HTTPS != nil {
		serve(g.secure(crowd{g.cfg.HTTPS, open}), g.Handler())
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	last, end := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
	defer end()
	var stopping sync.WaitGroup
	for _, s := range servers {
		stopping.Go(func() {
			if s.Shutdown(last) != nil {
				cut()
				s.Close()
			}
		})
	}
	stopping.Wait()
	running.Wait()
	cut() // sockets, which no server counts
	g.flying.Wait()
	return err
}

func (g *Gateway) server(base context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, MaxHeaderBytes: maxHead, ReadHeaderTimeout: min(headTime, g.cfg.patience), IdleTimeout: restTime,
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: withStrict,
		// One upload that the node does not take must not fill the window of the visitor's connection.
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: 250, MaxReceiveBufferPerStream: 1 << 20, MaxReceiveBufferPerConnection: 8 << 20},
		ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug), // what strangers do wrong
	}
}

// crowd bounds the connections of each address: one that does nothing costs
// memory and a descriptor all the same.
type crowd struct {
	net.Listener
	open *places[netip.Addr]
}

func (l crowd) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who := network(peerAddr(c.RemoteAddr().String()).Addr())
		if l.open.enter(who) == nil {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.open.leave(who) })}, nil
		}
		c.Close()
	}
}

type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite: see strict.CloseWrite.
func (c *counted) CloseWrite() error { return closeWrite(c.Conn) }

// plain is a listener of clear HTTP/1.1.
type plain struct{ net.Listener }

func (p plain) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &strict{Conn: c}, nil
}

// secure is the listener of TLS. Handshakes run in their own goroutines, because
// what is a connection's class, HTTP/2 or strict HTTP/1.1, is known after it.
func (g *Gateway) secure(l net.Listener) net.Listener {
	cfg := g.cfg.TLS.Clone()
	for _, p := range []string{"h2", "http/1.1"} {
		if !slices.Contains(cfg.NextProtos, p) {
			cfg.NextProtos = append(cfg.NextProtos, p)
		}
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	return lobby.New(l, lobby.Config{
		Timeout: min(handTime, g.cfg.patience), Max: 1024,
		Admit: func(c net.Conn) (net.Conn, error) {
			t := tls.Server(c, cfg)
			if err := t.HandshakeContext(context.Background()); err != nil { // the lobby's deadline ends it
				return nil, err
			}
			state := t.ConnectionState()
			if state.NegotiatedProtocol == "h2" {
				return t, nil
			}
			return &strictTLS{strict: strict{Conn: t}, state: state}, nil
		},
		Refused: func(c net.Conn, err error) { g.log.Debug("no TLS", "from", c.RemoteAddr().String(), "err", err) },
	})
}

// toTLS sends a visitor of the clear port to the secure one.
func (g *Gateway) toTLS(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, w: w, g: g, ip: peerAddr(r.RemoteAddr)}
	c.answer(func() error {
		at, err := g.place(r.Host)
		if err != nil {
			return err
		}
		host := g.cfg.Domain // where the certificate is for us
		if at.label != "" {
			host = at.label + "." + g.cfg.Domain
		}
		return c.redirect(g.origin(host) + r.URL.RequestURI())
	})
}
