package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"pc2/backend/preface"
)

// ingress is where a connection entered, decided by the connection and never
// by what the request says of itself.
type ingress uint8

const (
	lan      ingress = iota // anything that is not proved to be nearer
	loopback                // this PC
	gateway                 // a super node's gateway, which has proved it (package preface)
)

func (i ingress) String() string {
	return [...]string{"lan", "loopback", "gateway"}[i]
}

// MarshalText is for logs.
func (i ingress) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// forwarding headers tell that a proxy stands in front. From a peer that is no
// trusted proxy they are not believed, but the request is then not local either:
// a tunnel on this PC must not open to the world what is for this PC only.
var forwarding = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "Via", "Cf-Connecting-Ip"}

// place sets ingress, visitor's address and own origin of c.
func (s *Server) place(c *call) {
	peer := peerAddr(c.Request)
	c.ip, c.in = peer, lan
	scheme, host := "http", c.Host
	if c.TLS != nil {
		scheme = "https"
	}
	if visit, ok := preface.FromContext(c.Context()); ok {
		s.placeVisit(c, visit)
		return
	}
	forwarded := false
	for _, h := range forwarding {
		forwarded = forwarded || len(c.Header[h]) > 0
	}
	switch {
	case forwarded && s.trusted(peer):
		c.ip = s.visitor(c.Request, peer)
		if p := c.Header.Get("X-Forwarded-Proto"); p == "https" || p == "http" {
			scheme = p
		}
		if h := c.Header.Get("X-Forwarded-Host"); h != "" {
			host = h
		}
	case !forwarded && peer.IsLoopback():
		c.in = loopback
	}
	c.Host = host
	c.origin = scheme + "://" + strings.ToLower(host)
}

// placeVisit is place for what came through a gateway. It alone is believed
// without configuration, because it has proved who it is, and it sets these
// headers and never passes a visitor's on.
func (s *Server) placeVisit(c *call, visit preface.Visit) {
	c.in, c.ip = gateway, visit.Addr.Addr()
	if a, err := netip.ParseAddr(c.Header.Get("X-Forwarded-For")); err == nil {
		c.ip = a.Unmap().WithZone("")
	}
	if h := c.Header.Get("X-Forwarded-Host"); h != "" {
		c.Host = h
	}
	scheme := "https"
	if c.Header.Get("X-Forwarded-Proto") == "http" {
		scheme = "http"
	}
	c.origin = scheme + "://" + strings.ToLower(c.Host)
}

func peerAddr(r *http.Request) netip.Addr {
	h, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(h)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func (s *Server) trusted(a netip.Addr) bool {
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// visitor is the last address of X-Forwarded-For that no trusted proxy has.
func (s *Server) visitor(r *http.Request, peer netip.Addr) netip.Addr {
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return peer
		}
		if a = a.Unmap().WithZone(""); !s.trusted(a) {
			return a
		}
		peer = a
	}
	return peer
}
