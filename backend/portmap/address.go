package portmap

import (
	"fmt"
	"net/netip"
)

// notPublic are the blocks that no visitor from the internet can reach, beside
// those that netip knows (IANA's special-purpose registry).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // the provider's NAT (RFC 6598)
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.Is4() || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// parseExternal reads the address that a router says it has; 0.0.0.0: it has,
// or knows, none.
func parseExternal(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if a = a.Unmap(); err != nil || !a.Is4() {
		return netip.IPv4Unspecified()
	}
	return a
}

// clippedError keeps what a router says out of logs beyond a line's length.
type clippedError struct{ err error }

func clipped(err error) error { return clippedError{err} }

func (e clippedError) Error() string {
	const most = 200
	s := e.err.Error()
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%+q", s)
}

func (e clippedError) Unwrap() error { return e.err }
