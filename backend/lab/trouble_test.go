//go:build linux

package lab

import (
	"strings"
	"testing"
	"time"
)

// languages are the ways of asking, each with a router that speaks no other.
var languages = []struct {
	name  string
	serve Speaks
	rules string
}{
	{"upnp", Speaks{UPnP: true, port: 5000}, ""},
	{"nat-pmp", Speaks{PMP: true}, noPCP},
	{"pcp", Speaks{PMP: true}, ""},
}

// inEach runs a story in a home with each kind of router, side by side.
func inEach(t *testing.T, story func(*testing.T, *Home, Speaks)) {
	Needs(t)
	t.Parallel()
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			h := NewHome(NewNetwork(t))
			h.Router.Do(l.rules, "nft", "-f", "-")
			h.Router.Serve(l.serve)
			story(t, h, l.serve)
		})
	}
}

func TestRouterStopsAndComesBack(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		pc := h.PC.role("mapper")
		pc.event("mapped")
		h.greeted(pcPort)

		h.Router.Die()
		if e := pc.event("lost"); e.Kind != "lost" {
			t.Errorf("lost: %+v", e)
		}
		if e := pc.event("unmapped"); e.Kind != "none" {
			t.Errorf("unmapped: %+v", e)
		}
		h.dark(pcPort)

		s.port = 0 // another one than before, as in many routers
		h.Router.Serve(s)
		if m := pc.event("mapped"); m.External != pcPort {
			t.Errorf("again: %+v", m)
		}
		h.greeted(pcPort)
		pc.stop()
	})
}

func TestRouterHangs(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		h.Router.daemon.Freeze()
		pc := h.PC.role("mapper")
		if e := pc.event("unmapped"); e.Kind != "none" {
			t.Errorf("hanging at the start: %+v", e)
		}
		h.Router.daemon.Thaw()
		pc.event("mapped")

		h.Router.daemon.Freeze()
		if e := pc.event("lost"); e.Kind != "lost" {
			t.Errorf("hanging later: %+v", e)
		}
		h.greeted(pcPort) // its rules still stand, whether it answers or not
		h.Router.daemon.Thaw()
		if m := pc.event("mapped"); m.External != pcPort {
			t.Errorf("again: %+v", m)
		}
		pc.stop()
		eventually(t, "nothing is left behind", func() bool { return len(h.Router.Mappings()) == 0 })
	})
}

// A router that was restarted has lost its mappings and nothing else: they are set
// up again before anybody notices.
func TestRouterForgets(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		pc := h.PC.role("mapper")
		pc.event("mapped")
		pc.Freeze()
		h.Router.restart(s)
		pc.Thaw()
		eventually(t, "mapped again", func() bool { return len(h.Router.Mappings()) == 1 })
		h.greeted(pcPort)
		pc.stop()
		if said := pc.said(); strings.Contains(said, `"event":"lost"`) {
			t.Errorf("lost:\n%s", said)
		}
	})
}

func TestAnotherHostTakesThePort(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		pc := h.PC.role("mapper")
		pc.event("mapped")
		pc.Freeze()
		h.Router.restart(s)
		guest := h.guest.role("mapper")
		if m := guest.event("mapped"); m.External != pcPort {
			t.Fatalf("the guest got %+v", m)
		}
		pc.Thaw()
		if e := pc.event("lost"); e.Kind != "taken" && e.Kind != "moved" {
			t.Errorf("lost: %+v", e)
		}
		m := pc.event("mapped")
		if m.External == pcPort {
			t.Fatalf("taken back: %+v", m)
		}
		h.greeted(m.External)
		pc.stop()
		h.greeted(pcPort) // leads to the guest still: what is another's is not deleted
		guest.stop()
	})
}

func TestExternalAddressChanges(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		pc := h.PC.role("mapper", "-seen", "25.25.25.77")
		if m := pc.event("mapped"); !m.Behind || m.Private {
			t.Errorf("a router that says another address than others see: %+v", m)
		}
		h.renumber("25.25.25.77")
		if e := pc.event("lost"); e.Kind != "moved" {
			t.Errorf("lost: %+v", e)
		}
		m := pc.event("mapped")
		if m.External != "25.25.25.77:4433" || m.Behind {
			t.Fatalf("again: %+v", m)
		}
		h.greeted(m.External)
		pc.stop()
	})
}

func TestLeases(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		pc := h.PC.role("mapper", "-lease", "4s")
		pc.event("mapped")
		time.Sleep(9 * time.Second) // more than two leases
		h.greeted(pcPort)
		pc.Kill()
		eventually(t, "the lease of a killed program ends", func() bool { return len(h.Router.Mappings()) == 0 })
		h.dark(pcPort)
	})
}

// A second router stands before the first one. Miniupnpd gives no ports then,
// unless it is told an address.
func TestDoubleNAT(t *testing.T) {
	Needs(t)
	t.Parallel()
	for _, c := range []struct{ name, wan, outer, extra string }{
		{"private", "192.168.1.2", "192.168.1.1", ""},
		{"provider's", "100.64.0.2", "100.64.0.1", ""},
		{"said to be public", "192.168.1.2", "192.168.1.1", "ext_ip=25.25.25.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newInnerHome(NewNetwork(t), c.wan, c.outer)
			h.Router.Serve(Speaks{UPnP: true, PMP: true, extra: c.extra})
			pc := h.PC.role("mapper", "-seen", routerAddr)
			if c.extra == "" {
				if e := pc.event("unmapped"); e.Kind != "behind" {
					t.Errorf("got %+v", e)
				}
				pc.stop()
				return
			}
			m := pc.event("mapped")
			if !m.Behind || m.Private {
				t.Errorf("got %+v", m)
			}
			h.dark(m.External)
			h.dark(routerAddr + ":4433")
			pc.stop()
		})
	}
}

// newInnerHome is a home whose router stands behind another one.
func newInnerHome(n *Network, wan, outerLAN string) *Home {
	h := &Home{Network: n, inet: n.space("inet"), PC: n.space("pc")}
	outer := n.router("outer", outerLAN)
	n.wire(outer.Space, "wan0", routerAddr+"/24", h.inet, "eth0", inetAddr+"/24")
	h.Router = n.router("router", lanAddr)
	outer.plug(h.Router.Space, "lan1", "wan0", wan)
	h.Router.plug(h.PC, "lan1", "eth0", pcAddr)
	return h
}
