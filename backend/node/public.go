package node

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"

	"pc2/backend/boson"
	"pc2/backend/connectivity"
	"pc2/backend/doorway"
	"pc2/backend/internal/durable"
	"pc2/backend/portmap"
)

const (
	off = "off"
	// Ports of the public listener are chosen from these: systems take none of them
	// for connections of their own, and super nodes map none of them.
	firstPublic, lastPublic = 20_000, 24_999
	publicTries             = 20
)

// publicAddr is where gateways may reach the node without a relay; "": nowhere.
// Unless the configuration says, there is no such place in a network that is on
// this PC alone.
func (n *Node) publicAddr(supers []connectivity.SuperNode) string {
	switch at := n.conf.Server.PublicListen; {
	case at == off || len(supers) == 0 || at == "" && !n.beyond(supers):
		return ""
	case at != "":
		return at
	}
	return ":0"
}

// beyond says whether a super node is outside of this PC.
func (n *Node) beyond(supers []connectivity.SuperNode) bool {
	for _, s := range supers {
		host, _, err := net.SplitHostPort(s.Relay)
		if n.super == nil && err == nil && !loopbackHost(host) {
			return true
		}
	}
	return false
}

// newPublic opens the public listener. A node that cannot have it has its relay.
func (n *Node) newPublic(supers []connectivity.SuperNode) error {
	addr := n.publicAddr(supers)
	if addr == "" {
		return nil
	}
	l, err := n.listenPublic(addr)
	if err != nil {
		n.log.Error("no public listener, so this PC2 is reachable through relays alone", "listen", addr, "err", err)
		return nil
	}
	ids := make([]boson.ID, len(supers))
	for i, s := range supers {
		ids[i] = s.ID
	}
	n.public, err = doorway.Listen(l, doorway.Config{Key: n.id.Key(), Supers: ids, Log: n.cfg.Log})
	if err != nil {
		l.Close()
	}
	return err
}

// listenPublic listens; port 0 is the one of the last start, or one chosen now.
func (n *Node) listenPublic(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port != "0" {
		l, err := net.Listen("tcp", addr)
		return l, err
	}
	file := paths{n.cfg.Dir}.public()
	had := readPublic(file)
	if had != 0 {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(had)))
		if err == nil {
			return l, nil
		}
		n.log.Warn("the public port of the last start is taken, another one is used", "port", had, "err", err)
	}
	var l net.Listener
	for try := 0; l == nil; try++ {
		choice := firstPublic + rand.N(lastPublic-firstPublic+1)
		if try == publicTries {
			choice = 0
		}
		l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(choice)))
		if err != nil && choice == 0 {
			return nil, err
		}
	}
	if err := writePublic(file, portOf(l)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

type publicPort struct {
	Port int `json:"port"`
}

func readPublic(file string) int {
	var p publicPort
	b, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(b, &p) != nil || p.Port < 1 || p.Port > 65535 {
		return 0 // any free one, then
	}
	return p.Port
}

func writePublic(file string, port int) error {
	b, err := json.Marshal(publicPort{port})
	if err != nil {
		return err
	}
	return durable.Replace(file, append(b, '\n'))
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// reachOut sets up what asks the router and watches the network. Nothing of a
// network that is on this PC alone does either.
func (n *Node) reachOut(cfg *connectivity.Config) error {
	if !n.beyond(cfg.SuperNodes) {
		return nil
	}
	seed := n.id.Key().Seed()
	secret, err := hkdf.Key(sha256.New, seed[:], nil, "pc2 port mapping v1", sha256.Size)
	if err != nil {
		return err
	}
	router := portmap.New(portmap.Config{Log: n.cfg.Log, Seed: secret})
	cfg.Watch = router.Watch
	if !n.conf.Server.PortMapping {
		return nil
	}
	cfg.Map = func(ctx context.Context, port uint16) (connectivity.Mapping, error) {
		m, err := router.Map(ctx, port)
		if errors.Is(err, portmap.ErrBehind) {
			return nil, fmt.Errorf("%w: %w", connectivity.ErrDoubleNAT, err)
		}
		if err != nil {
			return nil, fmt.Errorf("ask the router: %w", err)
		}
		return mapping{m}, nil
	}
	return nil
}

// mapping is the router's port in the words of connectivity.
type mapping struct{ *portmap.Mapping }

func (m mapping) Method() string { return string(m.Mapping.Method()) }

func loopbackHost(h string) bool {
	a, err := netip.ParseAddr(h)
	return h == "localhost" || err == nil && a.Unmap().IsLoopback()
}
