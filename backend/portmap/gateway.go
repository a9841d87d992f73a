package portmap

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// errNoGateway: this PC is in no network that a router leads out of.
var errNoGateway = errors.New("no default gateway")

// localFor returns the address that the interface has in the gateway's network,
// else its first.
func localFor(i *net.Interface, gw netip.Addr) (netip.Addr, error) {
	addrs, err := i.Addrs()
	if err != nil {
		return netip.Addr{}, err
	}
	var first netip.Addr
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.To4() == nil {
			continue
		}
		ip, _ := netip.AddrFromSlice(n.IP.To4())
		if n.Contains(gw.AsSlice()) {
			return ip, nil
		}
		first = cmp.Or(first, ip)
	}
	if !first.IsValid() {
		return first, fmt.Errorf("%s has no IPv4 address", i.Name)
	}
	return first, nil
}
