//go:build linux

package lab

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// darkAtMost is how long an address may lead nowhere when the way to it breaks.
const darkAtMost = 10 * time.Second

func TestMapped(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		n := h.WithSuper()
		pc2d, watch := n.startNode(h.PC)
		if e := watch.path("mapped"); e.Sentence != "Reachable through your router." {
			t.Errorf("says %q", e.Sentence)
		}
		if got := n.throughMapping(n.download); got < big {
			t.Errorf("only %d bytes went through the router's port", got)
		}
		pc2d.stop()
		eventually(t, "nothing is left behind", func() bool { return len(h.Router.Mappings()) == 0 })
	})
}

func TestRelayWithoutRouterPort(t *testing.T) {
	Needs(t)
	t.Parallel()
	h := NewHome(NewNetwork(t))
	n := h.WithSuper()
	_, watch := n.startNode(h.PC)
	if e := watch.path("relay"); e.Sentence != "Reachable through relay "+inetAddr+":8090." {
		t.Errorf("says %q", e.Sentence)
	}
	if got := n.throughMapping(n.download); got != 0 {
		t.Errorf("%d bytes went through a router that maps nothing", got)
	}
}

func TestRouterDiesUnderANode(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		n := h.WithSuper()
		_, watch := n.startNode(h.PC)
		watch.path("mapped")
		visitor := n.browse()
		h.Router.Die()
		watch.path("relay")
		if got := n.throughMapping(n.download); got != 0 {
			t.Errorf("%d bytes went through a port that is gone", got)
		}
		h.Router.Serve(s)
		watch.path("mapped")
		n.mappedAgain()
		if dark := visitor.dark(); dark > darkAtMost {
			t.Errorf("dark for %s", dark)
		}
	})
}

func TestExternalAddressChangesUnderANode(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		n := h.WithSuper()
		_, watch := n.startNode(h.PC)
		watch.path("mapped")
		visitor := n.browse()
		h.renumber("25.25.25.77")
		n.mappedAgain()
		visitor.dark() // as long as it takes to notice that relay and port are both dead
	})
}

// A visitor never meets the one who took the port: it cannot show the node's key.
func TestPortStolenFromANode(t *testing.T) {
	inEach(t, func(t *testing.T, h *Home, s Speaks) {
		n := h.WithSuper()
		pc2d, watch := n.startNode(h.PC)
		watch.path("mapped")
		stolen := portIn(t, h.Router.Mappings()[0])
		visitor := n.browse()
		pc2d.Freeze()
		h.Router.restart(s)
		thief := h.guest.role("mapper", "-port", stolen)
		if m := thief.event("mapped"); m.External != routerAddr+":"+stolen {
			t.Fatalf("the thief got %+v", m)
		}
		h.Router.disconnect()
		pc2d.Thaw()
		n.mappedAgain()
		if dark := visitor.dark(); dark > darkAtMost {
			t.Errorf("dark for %s", dark)
		}
		eventually(t, "the thief and we have a port each", func() bool { return len(h.Router.Mappings()) == 2 })
	})
}

func TestNodeBehindTwoRouters(t *testing.T) {
	Needs(t)
	t.Parallel()
	h := newInnerHome(NewNetwork(t), "192.168.1.2", "192.168.1.1")
	h.Router.Serve(Speaks{UPnP: true, PMP: true})
	n := h.WithSuper()
	_, watch := n.startNode(h.PC)
	e := watch.path("relay")
	for e.Hint == "" { // the router has not been asked yet
		e = watch.path("relay")
	}
	if !strings.Contains(e.Hint, "behind another router") {
		t.Errorf("says %q", e.Hint)
	}
	n.download()
}

// A router that lies in each way keeps nobody from starting, and leads nobody to
// another host.
func TestLyingRouter(t *testing.T) {
	Needs(t)
	t.Parallel()
	h := NewHome(NewNetwork(t))
	h.guest.Do(trap, "nft", "-f", "-")
	liar := h.Router.role("liar")
	liar.event("lying")
	n := h.WithSuper()
	_, watch := n.startNode(h.PC)
	for watch.path("relay").Hint == "" { // the router has not been asked yet
	}
	n.download()
	for _, way := range []string{"search", "datagram", "description", "endless", "redirect"} {
		if !strings.Contains(liar.said(), `"`+way+`"`) {
			t.Errorf("the router was not asked for a %s", way)
		}
	}
	met := func() string { return h.guest.Do("", "nft", "list", "counter", "inet", "trap", "met") }
	if !strings.Contains(met(), "packets 0 ") {
		t.Errorf("another host was spoken to: %s", met())
	}
	h.PC.role("visitor", guestAddr+":80").event("heard")
	if strings.Contains(met(), "packets 0 ") {
		t.Error("the trap is blind")
	}
}

// trap counts what the PC sends to the guest.
const trap = `
table inet trap {
  counter met { }
  chain input {
    type filter hook input priority 0;
    ip saddr ` + pcAddr + ` ip daddr ` + guestAddr + ` counter name met
  }
}
`

func TestPublicAddress(t *testing.T) {
	Needs(t)
	t.Parallel()
	h := NewHome(NewNetwork(t))
	h.Router.Serve(Speaks{UPnP: true, PMP: true})
	n := h.WithSuper()
	_, watch := n.startNode(h.Public())
	if e := watch.path("direct"); e.Sentence != "Reachable directly." {
		t.Errorf("says %q", e.Sentence)
	}
	n.download()
}

func TestSuperNodeRestarts(t *testing.T) {
	Needs(t)
	t.Parallel()
	h := NewHome(NewNetwork(t))
	h.Router.Serve(Speaks{UPnP: true})
	n := h.WithSuper()
	_, watch := n.startNode(h.PC)
	watch.path("mapped")
	n.Super.Kill()
	watch.path("offline")
	n.StartSuper()
	watch.path("mapped")
	n.mappedAgain()
}

var dport = regexp.MustCompile(`dport (\d+)`)

// portIn is the external port of a mapping as nftables has it.
func portIn(t *testing.T, rule string) string {
	t.Helper()
	m := dport.FindStringSubmatch(rule)
	if m == nil {
		t.Fatalf("no port in %s", rule)
	}
	return m[1]
}
