package connectivity

import (
	"net"
	"net/netip"
)

// towards is this PC's address on the way to another, as the system's routes
// have it now. Nothing is sent: a UDP socket knows its own address when it is
// told the other's.
func towards(other net.Addr) netip.Addr {
	tcp, ok := other.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(tcp.AddrPort()))
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
