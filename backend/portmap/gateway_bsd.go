//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package portmap

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/route"
)

func defaultRoute() (gw, local netip.Addr, err error) {
	rib, err := route.FetchRIB(syscall.AF_INET, route.RIBTypeRoute, 0)
	if err != nil {
		return gw, local, err
	}
	messages, err := route.ParseRIB(route.RIBTypeRoute, rib)
	if err != nil {
		return gw, local, err
	}
	for _, m := range messages {
		index, to, ok := leadsOut(m)
		if !ok {
			continue
		}
		i, err := net.InterfaceByIndex(index)
		if err != nil {
			return gw, local, fmt.Errorf("interface %d: %w", index, err)
		}
		local, err := localFor(i, to)
		return to, local, err // the table has the preferred one first
	}
	return gw, local, errNoGateway
}

// leadsOut says whether a message is the default route to a gateway.
func leadsOut(m route.Message) (index int, gw netip.Addr, ok bool) {
	r, isRoute := m.(*route.RouteMessage)
	if !isRoute || r.Flags&syscall.RTF_UP == 0 || r.Flags&syscall.RTF_GATEWAY == 0 || len(r.Addrs) <= syscall.RTAX_NETMASK {
		return 0, gw, false
	}
	to, isV4 := r.Addrs[syscall.RTAX_DST].(*route.Inet4Addr)
	via, isVia := r.Addrs[syscall.RTAX_GATEWAY].(*route.Inet4Addr)
	if !isV4 || !isVia || to.IP != [4]byte{} {
		return 0, gw, false
	}
	if mask, ok := r.Addrs[syscall.RTAX_NETMASK].(*route.Inet4Addr); ok && mask.IP != [4]byte{} {
		return 0, gw, false // 0.0.0.0/1 and the like, as VPNs set it
	}
	return r.Index, netip.AddrFrom4(via.IP), true
}
