//go:build linux

package lab

import (
	"net/netip"
	"strings"
	"testing"
)

func parse(s string) netip.Addr { return netip.MustParseAddr(s) }

// visit connects from the internet and returns what it heard.
func (h *Home) visit(address string) report {
	h.t.Helper()
	p := h.inet.role("visitor", address)
	defer p.Kill()
	return p.event("heard")
}

// greeted checks that an address leads to the PC, through the router's mapping.
// Not always at once: miniupnpd takes a mapping away for a moment to renew it.
func (h *Home) greeted(address string) {
	h.t.Helper()
	before := h.Router.mappedBytes()
	eventually(h.t, "the PC answers at "+address, func() bool {
		return strings.HasPrefix(h.visit(address).Heard, "home, visited by "+inetAddr+":")
	})
	if h.Router.mappedBytes() == before {
		h.t.Fatal("no byte went through a mapped port")
	}
}

// dark checks that an address leads nowhere.
func (h *Home) dark(address string) {
	h.t.Helper()
	if r := h.visit(address); r.Heard != "" {
		h.t.Fatalf("%s: heard %q", address, r.Heard)
	}
}

const pcPort = routerAddr + ":4433"

func TestPortmap(t *testing.T) {
	Needs(t)
	t.Parallel()
	for _, c := range []struct {
		name   string
		serve  Speaks
		rules  string
		method string
	}{
		{"upnp 2", Speaks{UPnP: true}, "", "upnp"},
		{"upnp 1", Speaks{UPnP: true, extra: "force_igd_desc_v1=yes"}, "", "upnp"},
		{"nat-pmp", Speaks{PMP: true}, noPCP, "nat-pmp"},
		{"pcp", Speaks{PMP: true}, "", "pcp"},
		{"all", Speaks{UPnP: true, PMP: true}, "", ""}, // whichever answers in time
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := NewHome(NewNetwork(t))
			h.Router.Do(c.rules, "nft", "-f", "-")
			h.dark(pcPort)
			h.Router.Serve(c.serve)
			pc := h.PC.role("mapper")
			m := pc.event("mapped")
			if c.method != "" && m.Method != c.method || m.External != pcPort || m.Private || m.Behind {
				t.Fatalf("got %+v", m)
			}
			t.Logf("mapped by %s after %d ms", m.Method, m.Millis)
			h.greeted(pcPort)

			// Another host cannot have it meanwhile, nor take it away. (Of a busy
			// router the PC might believe that it lost its mapping, and give it up.)
			pc.Freeze()
			guest := h.guest.role("mapper")
			if m := guest.event("mapped"); m.External == pcPort {
				t.Fatalf("guest got %+v", m)
			}
			guest.stop()
			pc.Thaw()
			h.greeted(pcPort)

			// After a crash the same port is found again, and no second one made.
			pc.Kill()
			pc = h.PC.role("mapper")
			if m := pc.event("mapped"); m.External != pcPort {
				t.Fatalf("after a crash: %+v", m)
			}
			h.greeted(pcPort)
			eventually(t, "one mapping", func() bool { return len(h.Router.Mappings()) == 1 })

			pc.stop()
			eventually(t, "nothing is left behind", func() bool { return len(h.Router.Mappings()) == 0 })
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
