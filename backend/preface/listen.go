package preface

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"pc2/backend/internal/gather"
	"pc2/backend/internal/lobby"
)

// Config of a listener. The zero value works with connections that are Keyed.
type Config struct {
	// Key is the key of the session that c belongs to; false: there is none, and c
	// is closed. Default: what c says itself, if it is Keyed.
	Key     func(c net.Conn) ([32]byte, bool)
	Timeout time.Duration // for the preface and one byte more; default: 5 s
	Max     int           // connections that are read at once; default: 256, as many as a session has
	Log     *slog.Logger
}

var (
	errNoKey = errors.New("preface: a connection without a session key")
	errTLS   = errors.New("preface: TLS, which this node does not end itself yet")
)

const tlsHandshake = 0x16

// Listen returns a listener above inner that accepts connections of the gateway
// alone. What it accepts is a *Conn.
func Listen(inner net.Listener, cfg Config) net.Listener {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Key == nil {
		cfg.Key = func(c net.Conn) ([32]byte, bool) {
			k, ok := c.(Keyed)
			if !ok {
				return [32]byte{}, false
			}
			return k.PrefaceKey(), true
		}
	}
	log := cfg.Log.With("part", "preface")
	return lobby.New(inner, lobby.Config{
		Timeout: cfg.Timeout, Max: cfg.Max,
		Admit: func(c net.Conn) (net.Conn, error) { return admit(c, cfg.Key) },
		Refused: func(c net.Conn, err error) {
			log.Debug("connection closed", "from", c.RemoteAddr().String(), "err", err)
		},
	})
}

func admit(c net.Conn, keyOf func(net.Conn) ([32]byte, bool)) (net.Conn, error) {
	key, ok := keyOf(c)
	if !ok {
		return nil, errNoKey
	}
	r := bufio.NewReaderSize(c, 4<<10)
	visitor, err := read(r, key)
	if err != nil {
		return nil, err
	}
	first, err := r.Peek(1)
	if err != nil {
		return nil, fmt.Errorf("preface: nothing follows: %w", err)
	}
	if first[0] == tlsHandshake {
		return nil, errTLS
	}
	if !visitor.IsValid() { // answers of many requests
		c = gather.New(c)
	}
	return &Conn{Conn: c, visit: Visit{Addr: visitor}, ahead: r}, nil
}

// Visit is what a proved preface says of its connection.
type Visit struct {
	// Addr is the visitor's address. The zero value: the connection is shared, and
	// each request's X-Forwarded-For has the address.
	Addr netip.AddrPort
}

// Conn is a connection that the gateway opened.
type Conn struct {
	net.Conn
	visit Visit
	ahead *bufio.Reader // what was read with the preface; nil once it is used up
}

// Visit is whose connection this is.
func (c *Conn) Visit() Visit { return c.visit }

// NetConn is the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// RemoteAddr names the visitor in a form that parses as no address: see the
// package's manual.
func (c *Conn) RemoteAddr() net.Addr { return addr{c.visit.Addr} }

type addr struct{ netip.AddrPort }

func (addr) Network() string { return "gateway" }

func (a addr) String() string {
	if !a.IsValid() {
		return "gateway"
	}
	return "gateway/" + a.AddrPort.String()
}

func (c *Conn) Read(p []byte) (int, error) {
	if c.ahead == nil {
		return c.Conn.Read(p)
	}
	n := min(len(p), c.ahead.Buffered())
	n, err := io.ReadFull(c.ahead, p[:n])
	if c.ahead.Buffered() == 0 {
		c.ahead = nil // and its buffer
	}
	return n, err
}

type visitKey struct{}

// ConnContext is for http.Server: it tells the handler what FromContext returns.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	for c != nil {
		if own, ok := c.(*Conn); ok {
			return context.WithValue(ctx, visitKey{}, own.visit)
		}
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = inner.NetConn()
	}
	return ctx
}

// FromContext says what the preface of a request's connection said; false: it had none.
func FromContext(ctx context.Context) (Visit, bool) {
	v, ok := ctx.Value(visitKey{}).(Visit)
	return v, ok
}

const (
	streams = 250
	// MaxPooledBody is the largest body that the gateway sends on a shared connection.
	MaxPooledBody = 64 << 10
)

// Prepare sets up s for connections of Listen: HTTP/1.1 and HTTP/2 without TLS,
// and ConnContext, after the one that s has.
func Prepare(s *http.Server) {
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	// The connection's window holds a whole body of each stream, so that a handler
	// that does not read its own stalls nobody else's.
	s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams, MaxReceiveBufferPerStream: MaxPooledBody, MaxReceiveBufferPerConnection: streams * MaxPooledBody}
	before := s.ConnContext
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, c)
		}
		return ConnContext(ctx, c)
	}
}
