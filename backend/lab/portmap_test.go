//go:build linux

package lab

import (
	"net/netip"
	"strings"
	"testing"
)

func parse(s string) netip.Addr { return netip.MustParseAddr(s) }

// visit connects from the internet and returns what it heard.
func (h *home) visit(address string) report {
	h.t.Helper()
	p := h.inet.role("visitor", address)
	defer p.kill()
	return p.event("heard")
}

// greeted checks that an address leads to the PC, through the router's mapping.
// Not always at once: miniupnpd takes a mapping away for a moment to renew it.
func (h *home) greeted(address string) {
	h.t.Helper()
	before := h.router.mappedBytes()
	eventually(h.t, "the PC answers at "+address, func() bool {
		return strings.HasPrefix(h.visit(address).Heard, "home, visited by "+inetAddr+":")
	})
	if h.router.mappedBytes() == before {
		h.t.Fatal("no byte went through a mapped port")
	}
}

// dark checks that an address leads nowhere.
func (h *home) dark(address string) {
	h.t.Helper()
	if r := h.visit(address); r.Heard != "" {
		h.t.Fatalf("%s: heard %q", address, r.Heard)
	}
}

const pcPort = routerAddr + ":4433"

func TestPortmap(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	for _, c := range []struct {
		name   string
		serve  serve
		rules  string
		method string
	}{
		{"upnp 2", serve{upnp: true}, "", "upnp"},
		{"upnp 1", serve{upnp: true, extra: "force_igd_desc_v1=yes"}, "", "upnp"},
		{"nat-pmp", serve{pmp: true}, noPCP, "nat-pmp"},
		{"pcp", serve{pmp: true}, "", "pcp"},
		{"all", serve{upnp: true, pmp: true}, "", ""}, // whichever answers in time
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(newNetwork(t))
			h.router.do(c.rules, "nft", "-f", "-")
			h.dark(pcPort)
			h.router.serve(c.serve)
			pc := h.pc.role("mapper")
			m := pc.event("mapped")
			if c.method != "" && m.Method != c.method || m.External != pcPort || m.Private || m.Behind {
				t.Fatalf("got %+v", m)
			}
			t.Logf("mapped by %s after %d ms", m.Method, m.Millis)
			h.greeted(pcPort)

			// Another host cannot have it meanwhile, nor take it away. (Of a busy
			// router the PC might believe that it lost its mapping, and give it up.)
			pc.freeze()
			guest := h.guest.role("mapper")
			if m := guest.event("mapped"); m.External == pcPort {
				t.Fatalf("guest got %+v", m)
			}
			guest.stop()
			pc.thaw()
			h.greeted(pcPort)

			// After a crash the same port is found again, and no second one made.
			pc.kill()
			pc = h.pc.role("mapper")
			if m := pc.event("mapped"); m.External != pcPort {
				t.Fatalf("after a crash: %+v", m)
			}
			h.greeted(pcPort)
			eventually(t, "one mapping", func() bool { return len(h.router.mappings()) == 1 })

			pc.stop()
			eventually(t, "nothing is left behind", func() bool { return len(h.router.mappings()) == 0 })
			h.dark(pcPort)
		})
	}
}

// noPCP makes the router older than PCP: its requests have version 2 in the first byte.
const noPCP = `
table inet older {
  chain input {
    type filter hook input priority -10;
    udp dport 5351 @th,64,8 2 drop
  }
}
`
