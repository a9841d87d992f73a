package doorway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"pc2/backend/boson"
)

// Dialer is the gateway's side.
type Dialer struct {
	key boson.Key
	own func() (tls.Certificate, error)
}

// NewDialer returns a dialer that shows key; it starts nothing.
func NewDialer(key boson.Key) *Dialer {
	return &Dialer{key: key, own: sync.OnceValues(func() (tls.Certificate, error) { return certify(key) })}
}

// Dial connects to the node at addr. It ends with ctx and returns when the other
// end has proved that it has the node's key.
func (d *Dialer) Dial(ctx context.Context, node boson.ID, addr netip.AddrPort) (*Conn, error) {
	own, err := d.own()
	if err != nil {
		return nil, err
	}
	key, err := ticketKey(d.key, node)
	if err != nil {
		return nil, fmt.Errorf("doorway: key of the node: %w", err)
	}
	// A router that has lost the port says nothing to connections that rest, sockets of pages say.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	raw, err := dialer.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("doorway: %w", err)
	}
	cfg := settings(own)
	cfg.NextProtos = append(cfg.NextProtos, newTicket(key, time.Now()))
	cfg.InsecureSkipVerify = true // there is no authority: VerifyConnection knows the key
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		id, err := peer(s)
		if err == nil && id != node {
			err = ErrKey
		}
		return err
	}
	c := tls.Client(raw, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("doorway: %w", err)
	}
	conn, err := newConn(c)
	if err != nil {
		raw.Close()
	}
	return conn, err
}

// Conn is a connection between a gateway and a node, on both sides.
type Conn struct {
	*tls.Conn
	key   [32]byte
	other boson.ID
	leave func()
}

const exporter = "EXPORTER-pc2-gateway-preface"

func newConn(c *tls.Conn) (*Conn, error) {
	s := c.ConnectionState()
	other, err := peer(s)
	if err != nil {
		return nil, err
	}
	key, err := s.ExportKeyingMaterial(exporter, nil, 32)
	if err != nil {
		return nil, fmt.Errorf("doorway: %w", err)
	}
	return &Conn{Conn: c, key: [32]byte(key), other: other, leave: func() {}}, nil
}

// PrefaceKey is the key of the preface on this connection (package preface).
func (c *Conn) PrefaceKey() [32]byte { return c.key }

// Peer is whose key the other end has proved.
func (c *Conn) Peer() boson.ID { return c.other }

// Close ends the connection.
func (c *Conn) Close() error {
	c.leave()
	return c.Conn.Close()
}
