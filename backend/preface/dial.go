package preface

import (
	"net"
	"net/netip"
	"sync/atomic"
)

// Visitor returns c with the preface of one visitor in front. On an error c is closed.
func Visitor(c net.Conn, key [32]byte, visitor netip.AddrPort) (net.Conn, error) {
	h, err := Header(key, visitor)
	if err != nil {
		c.Close()
		return nil, err
	}
	o := &opening{Conn: c}
	o.header.Store(&h)
	return o, nil
}

// Shared returns c with the preface of a connection that carries many visitors' requests.
func Shared(c net.Conn, key [32]byte) (net.Conn, error) {
	return Visitor(c, key, netip.AddrPort{})
}

// opening sends the preface together with the first bytes: one packet of the
// relay instead of two.
type opening struct {
	net.Conn
	// The writer of a request and the one of the socket that it becomes are two
	// goroutines, with nothing but the node's answer between them.
	header atomic.Pointer[[]byte]
}

func (o *opening) Write(p []byte) (int, error) {
	h := o.header.Swap(nil)
	if h == nil {
		return o.Conn.Write(p)
	}
	n, err := o.Conn.Write(append(*h, p...))
	return max(0, n-len(*h)), err
}
