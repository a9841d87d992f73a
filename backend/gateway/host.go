package gateway

import (
	"net/netip"
	"strconv"
	"strings"

	"pc2/backend/fault"
	"pc2/backend/names"
)

var errHost = fault.New(fault.Invalid, "bad_request", "The request names no host that could exist.")

// place is what a Host header names.
type place struct {
	name   names.Name // zero: no name that a node can have
	label  string     // what stands in front of the domain, for the page; "" for apex and strangers
	host   string     // lower case, port as the visitor spelled it unless it is the usual one
	dotted bool       // the visitor wrote the dot of the root, which makes another origin
}

// place reads a Host header. A host outside our domain is a place without name
// and label: the gateway's own, whatever it is called.
func (g *Gateway) place(hostport string) (place, error) {
	if hostport == "" {
		return place{}, nil // HTTP/1.0
	}
	host, port, ok := splitHost(hostport)
	if !ok {
		return place{}, errHost
	}
	bare := strings.TrimSuffix(host, ".")
	p := place{host: bare + publicPort(g.cfg.Scheme, port), dotted: bare != host}
	label, under := strings.CutSuffix(bare, "."+g.cfg.Domain)
	if !under {
		return p, nil
	}
	p.label = label
	if n, err := names.Parse(label); err == nil {
		p.name = n
	}
	return p, nil
}

// splitHost takes a host in lower case and a port apart: a name of letters,
// digits, hyphens, underscores and dots, or an address. A name with other
// letters reaches a server in its xn-- form, or not from a browser.
func splitHost(hostport string) (host, port string, ok bool) {
	if len(hostport) > 255+6 {
		return "", "", false
	}
	host = strings.ToLower(hostport)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:i], host[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
			return "", "", false
		}
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		a, err := netip.ParseAddr(host[1 : len(host)-1])
		return host, port, err == nil && a.Is6() && a.Zone() == ""
	}
	if len(host) > 255 {
		return "", "", false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", "", false
		}
	}
	return host, port, true
}
