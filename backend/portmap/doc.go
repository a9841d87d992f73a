// Package portmap asks the home router for a port: TCP connections to it from the
// internet then arrive at a port of this PC.
//
//	c := portmap.New(portmap.Config{Log: log, Description: "PC2"})
//	m, err := c.Map(ctx, 4433)            // ErrNone: no router answers; ErrRefused: it does not want to
//	m.External()                          // 203.0.113.7:4433
//	m.Private()                           // another router stands before this one
//	err = m.Run(ctx)                      // renews; ErrLost, ErrTaken, ErrMoved; nil when ctx ends: the port is given back
//	c.Watch(ctx, again)                   // calls again when the PC came to another network, or woke
//
// It speaks PCP (RFC 6887), NAT-PMP (RFC 6886) and UPnP IGD 1 and 2 (WANIPConnection
// 1 and 2, WANPPPConnection 1), for IPv4. All three are tried at once and within ten seconds;
// the first that gives a public address wins.
//
//	Map ─┬─ pcp      announce ──┐
//	     ├─ nat-pmp  address? ──┼─▶ offers, best first ─▶ add ─▶ Mapping ─▶ Run: renew … remove
//	     └─ upnp     search,  ──┘
//	                 description, address?
//
// # What a router may do to us
//
// Nothing that it says is believed further than needed. Only the default gateway's own
// address is ever contacted: answers from other hosts, descriptions that lie elsewhere,
// control addresses on other hosts and redirects are ignored, and no name is ever
// resolved. Every answer has a limit of size and time. What comes out of Map is a claim
// of the router; whether visitors can come in that way only they can tell.
//
// The search for UPnP sends multicast on the interface of the default route, and none
// when the gateway is a loopback address (tests). Whoever must not speak to the network
// must not call Map.
//
// # Which router
//
// A PC may have several default routes: cable and radio, or a VPN. Only the gateway of
// the preferred one (the lowest metric) is asked, and all UPnP devices and services
// that it shows. A port of another router would be of no use: visitors would come in
// through it, and this PC's answers leave by the preferred route, under an address that
// they never asked. When the preference changes, Watch tells, and Map asks the new one.
//
// # What is left behind
//
// Run gives the port back when it ends. After a crash the mapping stays with the router
// until its lease ends; Map finds and renews it, instead of adding another. For PCP that
// needs Config.Seed, since a mapping there belongs to a secret number.
package portmap
