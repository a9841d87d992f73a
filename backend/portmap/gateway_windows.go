package portmap

import (
	"errors"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"
)

// defaultRoute takes the gateway of the adapter with the lowest metric.
func defaultRoute() (gw, local netip.Addr, err error) {
	first, err := adapters()
	if err != nil {
		return gw, local, err
	}
	best := uint32(0)
	for a := first; a != nil; a = a.Next {
		if a.OperStatus != windows.IfOperStatusUp || a.IfType == windows.IF_TYPE_SOFTWARE_LOOPBACK || gw.IsValid() && a.Ipv4Metric >= best {
			continue
		}
		for g := a.FirstGatewayAddress; g != nil; g = g.Next {
			via := address(g.Address)
			at := ownAddress(a, via)
			if via.Is4() && !via.IsUnspecified() && at.IsValid() {
				gw, local, best = via, at, a.Ipv4Metric
				break
			}
		}
	}
	if !gw.IsValid() {
		return gw, local, errNoGateway
	}
	return gw, local, nil
}

// adapters lists the network adapters; the list grows between two calls.
func adapters() (*windows.IpAdapterAddresses, error) {
	const flags = windows.GAA_FLAG_INCLUDE_GATEWAYS | windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_DNS_SERVER
	size := uint32(16 << 10)
	for range 4 {
		buf := make([]uint64, size/8+1) // the structures want to be aligned
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_INET, flags, 0, first, &size)
		if err == nil {
			return first, nil
		}
		if !errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) {
			return nil, err
		}
	}
	return nil, windows.ERROR_BUFFER_OVERFLOW
}

// ownAddress is the adapter's address in the gateway's network, else its first.
func ownAddress(a *windows.IpAdapterAddresses, via netip.Addr) (own netip.Addr) {
	for u := a.FirstUnicastAddress; u != nil; u = u.Next {
		ip := address(u.Address)
		if !ip.Is4() {
			continue
		}
		if p, err := ip.Prefix(int(u.OnLinkPrefixLength)); err == nil && p.Contains(via) {
			return ip
		}
		if !own.IsValid() {
			own = ip
		}
	}
	return own
}

func address(s windows.SocketAddress) netip.Addr {
	a, _ := netip.AddrFromSlice(s.IP())
	return a.Unmap()
}
