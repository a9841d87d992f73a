package api

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"pc2/backend/fault"
)

var errHost = fault.New(fault.Misdirected, "host_not_allowed", "This PC2 does not answer under that name. Open it by its own address, or add the name to server.allowed_hosts.")

// ourHost says whether host[:port] is a name or an address that cannot be made
// to point here by a stranger's DNS: a loopback name or address, a private or
// link-local literal, *.local, or a name that the configuration knows.
func (s *Server) ourHost(hostport string) bool {
	host, ok := hostOnly(hostport)
	if !ok {
		return false
	}
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap().WithZone("")
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || slices.Contains(s.hosts, a.String())
	}
	if u, err := url.Parse(s.cfg.Net.State().URL); err == nil && u.Hostname() == host { // the address that the world knows
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || slices.Contains(s.hosts, host)
}

// answers says whether a request is for this node. A gateway's visitors know one
// name of it, and no other way leads them here: not an address, not *.localhost.
func (s *Server) answers(c *call) bool {
	if c.in != gateway {
		return s.ourHost(c.Host)
	}
	host, ok := hostOnly(c.Host)
	u, err := url.Parse(s.cfg.Net.State().URL)
	return ok && err == nil && u.Hostname() == host
}

// hostOnly takes the port off, and the brackets of an IPv6 address. What is
// neither a name nor an address is refused.
func hostOnly(hostport string) (string, bool) {
	host := hostport
	if strings.HasPrefix(hostport, "[") && strings.HasSuffix(hostport, "]") {
		host = hostport[1 : len(hostport)-1]
	} else if strings.Contains(hostport, ":") {
		h, port, err := net.SplitHostPort(hostport)
		if err != nil || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return "", false
		}
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || len(host) > 255 || strings.HasPrefix(host, ".") {
		return "", false
	}
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._:%", r))
	}
	return host, !strings.ContainsFunc(host, bad)
}
