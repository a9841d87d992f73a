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
	inEach(t, func(t *testing.T, h *home, s serve) {
		n := h.withSuper()
		pc2d, watch := n.startNode(h.pc)
		if e := watch.path("mapped"); e.Sentence != "Reachable through your router." {
			t.Errorf("says %q", e.Sentence)
		}
		if got := n.throughMapping(n.download); got < big {
			t.Errorf("only %d bytes went through the router's port", got)
		}
		pc2d.stop()
		eventually(t, "nothing is left behind", func() bool { return len(h.router.mappings()) == 0 })
	})
}

func TestRelayWithoutRouterPort(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	h := newHome(newNetwork(t))
	n := h.withSuper()
	_, watch := n.startNode(h.pc)
	if e := watch.path("relay"); e.Sentence != "Reachable through relay "+inetAddr+":8090." {
		t.Errorf("says %q", e.Sentence)
	}
	if got := n.throughMapping(n.download); got != 0 {
		t.Errorf("%d bytes went through a router that maps nothing", got)
	}
}

func TestRouterDiesUnderANode(t *testing.T) {
	inEach(t, func(t *testing.T, h *home, s serve) {
		n := h.withSuper()
		_, watch := n.startNode(h.pc)
		watch.path("mapped")
		visitor := n.browse()
		h.router.die()
		watch.path("relay")
		if got := n.throughMapping(n.download); got != 0 {
			t.Errorf("%d bytes went through a port that is gone", got)
		}
		h.router.serve(s)
		watch.path("mapped")
		n.mappedAgain()
		if dark := visitor.dark(); dark > darkAtMost {
			t.Errorf("dark for %s", dark)
		}
	})
}

func TestExternalAddressChangesUnderANode(t *testing.T) {
	inEach(t, func(t *testing.T, h *home, s serve) {
		n := h.withSuper()
		_, watch := n.startNode(h.pc)
		watch.path("mapped")
		visitor := n.browse()
		h.renumber("25.25.25.77")
		n.mappedAgain()
		visitor.dark() // as long as it takes to notice that relay and port are both dead
	})
}

// A visitor never meets the one who took the port: it cannot show the node's key.
func TestPortStolenFromANode(t *testing.T) {
	inEach(t, func(t *testing.T, h *home, s serve) {
		n := h.withSuper()
		pc2d, watch := n.startNode(h.pc)
		watch.path("mapped")
		stolen := portIn(t, h.router.mappings()[0])
		visitor := n.browse()
		pc2d.freeze()
		h.router.restart(s)
		thief := h.guest.role("mapper", "-port", stolen)
		if m := thief.event("mapped"); m.External != routerAddr+":"+stolen {
			t.Fatalf("the thief got %+v", m)
		}
		h.router.disconnect()
		pc2d.thaw()
		n.mappedAgain()
		if dark := visitor.dark(); dark > darkAtMost {
			t.Errorf("dark for %s", dark)
		}
		eventually(t, "the thief and we have a port each", func() bool { return len(h.router.mappings()) == 2 })
	})
}

func TestNodeBehindTwoRouters(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	h := newInnerHome(newNetwork(t), "192.168.1.2", "192.168.1.1")
	h.router.serve(serve{upnp: true, pmp: true})
	n := h.withSuper()
	_, watch := n.startNode(h.pc)
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
	needsRoot(t)
	t.Parallel()
	h := newHome(newNetwork(t))
	h.guest.do(trap, "nft", "-f", "-")
	liar := h.router.role("liar")
	liar.event("lying")
	n := h.withSuper()
	_, watch := n.startNode(h.pc)
	for watch.path("relay").Hint == "" { // the router has not been asked yet
	}
	n.download()
	for _, way := range []string{"search", "datagram", "description", "endless", "redirect"} {
		if !strings.Contains(liar.said(), `"`+way+`"`) {
			t.Errorf("the router was not asked for a %s", way)
		}
	}
	met := func() string { return h.guest.do("", "nft", "list", "counter", "inet", "trap", "met") }
	if !strings.Contains(met(), "packets 0 ") {
		t.Errorf("another host was spoken to: %s", met())
	}
	h.pc.role("visitor", guestAddr+":80").event("heard")
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
	needsRoot(t)
	t.Parallel()
	h := newHome(newNetwork(t))
	h.router.serve(serve{upnp: true, pmp: true})
	n := h.withSuper()
	alice := h.space("alice")
	h.wire(h.inet, "eth1", "25.25.26.1/24", alice, "eth0", "25.25.26.2/24")
	alice.ip("route", "add", "default", "via", "25.25.26.1")
	_, watch := n.startNode(alice)
	if e := watch.path("direct"); e.Sentence != "Reachable directly." {
		t.Errorf("says %q", e.Sentence)
	}
	n.download()
}

func TestSuperNodeRestarts(t *testing.T) {
	needsRoot(t)
	t.Parallel()
	h := newHome(newNetwork(t))
	h.router.serve(serve{upnp: true})
	n := h.withSuper()
	_, watch := n.startNode(h.pc)
	watch.path("mapped")
	n.super.kill()
	watch.path("offline")
	n.startSuper()
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
