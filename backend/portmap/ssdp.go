package portmap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"golang.org/x/net/ipv4"
)

// The library's own search is not used: it asks on every network of the PC, hears
// everybody, always waits two seconds and writes strangers' bytes to the log.
var (
	ssdpGroup   = netip.MustParseAddr("239.255.255.250")
	ssdpTargets = []string{
		"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
		"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
		"urn:schemas-upnp-org:service:WANIPConnection:1",
		"urn:schemas-upnp-org:service:WANPPPConnection:1",
	}
	// ssdpSends are the pauses before each round of questions: datagrams get lost.
	ssdpSends = []time.Duration{0, 400 * time.Millisecond, 800 * time.Millisecond}
)

const (
	ssdpWindow  = 3 * time.Second // from the first question; devices answer within MX = 1 s
	ssdpAnswers = 1024            // datagrams looked at, whoever sent them
	ssdpPlaces  = 4               // descriptions taken
)

// searchUPnP asks for gateway devices and reports each place of a description
// once. Only answers that come from the router and name the router count.
func searchUPnP(ctx context.Context, r router, found func(*url.URL)) error {
	ctx, cancel := context.WithTimeout(ctx, ssdpWindow)
	defer cancel()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: r.local.AsSlice()})
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	to := []netip.Addr{r.gw} // many routers answer a question that is sent to them alone
	if !r.gw.IsLoopback() {
		on, err := interfaceOf(r.local)
		if err != nil {
			return err
		}
		if err := ipv4.NewPacketConn(conn).SetMulticastInterface(on); err != nil {
			return err
		}
		to = append(to, ssdpGroup)
	}
	asking, enough := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() { sent <- ssdpAsk(asking, conn, r.ports.ssdp, to) }()
	ssdpListen(conn, r.gw, func(u *url.URL) {
		enough()
		found(u)
	})
	enough()
	return <-sent
}

// ssdpAsk sends the questions, again and again until it is enough.
func ssdpAsk(ctx context.Context, conn *net.UDPConn, port uint16, to []netip.Addr) error {
	var failed error
	for _, pause := range ssdpSends {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		for _, a := range to {
			for _, target := range ssdpTargets {
				ask := fmt.Sprintf("M-SEARCH * HTTP/1.1\r\nHOST: %s:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: %s\r\n\r\n", ssdpGroup, target)
				if _, err := conn.WriteToUDPAddrPort([]byte(ask), netip.AddrPortFrom(a, port)); err != nil && !errors.Is(err, net.ErrClosed) {
					failed = err // the other address, or the next round, may still do
				}
			}
		}
	}
	return failed
}

// ssdpListen reads answers until conn is closed.
func ssdpListen(conn *net.UDPConn, gw netip.Addr, found func(*url.URL)) {
	buf, seen := make([]byte, 4096), map[string]bool{}
	for range ssdpAnswers {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || from.Addr().Unmap() != gw { // an error is what an earlier question came back with
			continue
		}
		place, err := ssdpLocation(buf[:n], gw)
		if err != nil || seen[place.String()] {
			continue
		}
		if len(seen) == ssdpPlaces {
			return
		}
		seen[place.String()] = true
		found(place)
	}
}

// ssdpLocation reads where the description lies, from an answer to M-SEARCH.
func ssdpLocation(b []byte, gw netip.Addr) (*url.URL, error) {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	u, err := url.Parse(res.Header.Get("Location"))
	if err != nil {
		return nil, err
	}
	return u, atRouter(u, gw)
}

// atRouter refuses addresses that are not the router's own.
func atRouter(u *url.URL, gw netip.Addr) error {
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil || a != gw || u.Scheme != "http" || u.User != nil {
		return fmt.Errorf("%w: %s", errElsewhere, u.Redacted())
	}
	return nil
}

// interfaceOf finds the network interface that has the address.
func interfaceOf(local netip.Addr) (*net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(local.AsSlice()) {
				return &i, nil
			}
		}
	}
	return nil, fmt.Errorf("no network interface has %s", local)
}
