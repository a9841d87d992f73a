package preface

import (
	"net"
	"net/netip"
)

// Visitor returns c with the preface of one visitor in front.
func Visitor(c net.Conn, key [32]byte, visitor netip.AddrPort) (net.Conn, error) {
	h, err := Header(key, visitor)
	return &opening{Conn: c, header: h}, err
}

// Shared returns c with the preface of a connection that carries many visitors' requests.
func Shared(c net.Conn, key [32]byte) (net.Conn, error) {
	return Visitor(c, key, netip.AddrPort{})
}

// opening sends the preface together with the first bytes: one packet of the
// relay instead of two. Like every net.Conn under HTTP it has one writer at a time.
type opening struct {
	net.Conn
	header []byte
}

func (o *opening) Write(p []byte) (int, error) {
	if o.header == nil {
		return o.Conn.Write(p)
	}
	b := append(o.header, p...)
	n, err := o.Conn.Write(b)
	n = max(0, n-len(o.header))
	o.header = nil
	return n, err
}
