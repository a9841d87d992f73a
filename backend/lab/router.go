//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const miniupnpd = "/usr/sbin/miniupnpd"

// Router is a home router: NAT by nftables, ports by miniupnpd.
type Router struct {
	*Space
	wan, lan string // addresses
	daemon   *Program
}

// Home is the network that most tests want: an internet with one visitor, a
// router, and a PC and a guest behind it.
type Home struct {
	*Network
	inet, PC, guest *Space
	Router          *Router
}

const (
	inetAddr   = "25.25.25.2"
	routerAddr = "25.25.25.1"
	pcAddr     = "192.168.77.2"
	guestAddr  = "192.168.77.3"
	lanAddr    = "192.168.77.1"
)

// NewHome makes it. The router speaks nothing yet.
func NewHome(n *Network) *Home {
	h := &Home{Network: n, inet: n.space("inet"), PC: n.space("pc"), guest: n.space("guest")}
	h.Router = n.router("router", lanAddr)
	n.wire(h.Router.Space, "wan0", routerAddr+"/24", h.inet, "eth0", inetAddr+"/24")
	h.Router.wan = routerAddr
	h.Router.plug(h.PC, "lan1", "eth0", pcAddr)
	h.Router.plug(h.guest, "lan2", "eth0", guestAddr)
	return h
}

// Public is a computer with an address of the internet.
func (h *Home) Public() *Space {
	h.t.Helper()
	s := h.space("public")
	h.wire(h.inet, "eth1", "25.25.26.1/24", s, "eth0", "25.25.26.2/24")
	s.IP("route", "add", "default", "via", "25.25.26.1")
	return s
}

// router makes one whose WAN is not connected yet.
func (n *Network) router(name, lan string) *Router {
	r := &Router{Space: n.space(name), lan: lan}
	r.IP("link", "add", "lan0", "type", "bridge", "forward_delay", "0")
	r.IP("addr", "add", lan+"/24", "dev", "lan0")
	r.IP("link", "set", "lan0", "up")
	r.Do("", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	r.Do(ruleset, "nft", "-f", "-")
	return r
}

// plug connects a computer to the router's LAN.
func (r *Router) plug(s *Space, port, dev, addr string) {
	r.net.t.Helper()
	r.net.wire(r.Space, port, "", s, dev, addr+"/24")
	r.IP("link", "set", port, "master", "lan0")
	s.IP("route", "add", "default", "via", r.lan)
}

// ruleset has the chains that miniupnpd fills. The counter sees only packets that
// came in through a mapped port, and the answers to them. Behind it: the rest of a
// connection that came in is not taken for the start of one that goes out.
const ruleset = `
table inet igd {
  counter mapped { }
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct status dnat counter name mapped
    iifname "lan0" tcp sport { 4433, 20000-24999 } ct state new drop
    ct state established,related accept
    iifname "lan0" oifname { "wan0", "lan0" } accept
    jump miniupnpd
  }
  chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 100; policy accept; jump postrouting_miniupnpd; oifname "wan0" masquerade; }
}
`

// Speaks says which languages the router speaks.
type Speaks struct {
	UPnP, PMP bool
	port      int    // of UPnP's HTTP; 0: any
	extra     string // lines of the configuration
}

// Serve runs miniupnpd and waits until it answers. Real leases have two minutes
// at least; here they may have seconds.
func (r *Router) Serve(s Speaks) {
	r.net.t.Helper()
	conf := filepath.Join(r.net.dir, r.name+".conf")
	text := fmt.Sprintf(`ext_ifname=wan0
listening_ip=lan0
http_port=%d
enable_upnp=%s
enable_natpmp=%s
secure_mode=yes
min_lifetime=2
upnp_table_name=igd
upnp_nat_table_name=igd
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
uuid=9a2f0c1e-0000-4000-8000-000000000001
serial=1
model_number=1
%s
allow 1024-65535 192.168.0.0/16 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`, s.port, yes(s.UPnP), yes(s.PMP), s.extra)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		r.net.t.Fatal(err)
	}
	r.daemon = r.start("miniupnpd", miniupnpd, "-d", "-f", conf, "-P", filepath.Join(r.net.dir, r.name+".pid"))
	if s.UPnP {
		r.daemon.expect("HTTP listening on port")
	}
	if s.PMP {
		r.daemon.expect("Listening for NAT-PMP/PCP traffic on port")
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Die stops miniupnpd and forgets what it had set up. (Behind its back rules cannot
// be deleted: it remembers them.)
func (r *Router) Die() {
	r.net.t.Helper()
	r.daemon.Kill()
	r.Do("flush chain inet igd miniupnpd\nflush chain inet igd prerouting_miniupnpd\nflush chain inet igd postrouting_miniupnpd\n", "nft", "-f", "-")
	r.disconnect()
}

// restart loses all mappings, and nothing else.
func (r *Router) restart(s Speaks) {
	r.net.t.Helper()
	r.Die()
	r.Serve(s)
}

// Cut pulls the cable to the internet out, and puts it back.
func (r *Router) Cut()  { r.IP("link", "set", "wan0", "down") }
func (r *Router) Mend() { r.IP("link", "set", "wan0", "up") }

// disconnect forgets the connections that came in through a mapping: they would
// outlive it. Others it leaves alone, as the node's to the relay.
func (r *Router) disconnect() {
	r.net.t.Helper()
	out, err := exec.Command("ip", "netns", "exec", r.name, "conntrack", "-D", "-g").CombinedOutput()
	if err != nil && !strings.Contains(string(out), " 0 flow entries") { // it fails when there are none
		r.net.t.Fatalf("conntrack: %v: %s", err, out)
	}
}

// Mappings are the ports that lead inside now, as nftables has them.
func (r *Router) Mappings() []string {
	r.net.t.Helper()
	var all []string
	for line := range strings.Lines(r.Do("", "nft", "list", "chain", "inet", "igd", "prerouting_miniupnpd")) {
		if strings.Contains(line, "dnat") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

var counted = regexp.MustCompile(`packets \d+ bytes (\d+)`)

// mappedBytes is what went through mapped ports so far.
func (r *Router) mappedBytes() int64 {
	r.net.t.Helper()
	out := r.Do("", "nft", "list", "counter", "inet", "igd", "mapped")
	m := counted.FindStringSubmatch(out)
	if m == nil {
		r.net.t.Fatalf("no counter in %s", out)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		r.net.t.Fatal(err)
	}
	return n
}

// renumber gives the router another external address, as providers do at night.
// Miniupnpd learns of it from the kernel. The old address is nobody's.
func (h *Home) renumber(addr string) {
	h.t.Helper()
	r := h.Router
	r.IP("addr", "add", addr+"/24", "dev", "wan0")
	r.IP("addr", "del", r.wan+"/24", "dev", "wan0")
	r.IP("addr", "replace", addr+"/24", "dev", "wan0") // it goes with the first one unless promote_secondaries is set
	r.wan = addr
	h.inet.IP("neigh", "flush", "dev", "eth0")
}
