//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"pc2/app/host"
	"pc2/backend/lab"
)

// Stories of a PC at home: the program runs behind the router of backend/lab, and
// its tray is on this desktop. Sockets of X and D-Bus are files, so that they
// lead out of the namespace; nothing else does.

func TestMain(m *testing.M) { os.Exit(lab.Main(m, nil)) }

// newHome is a stage whose programs run on the PC at home.
func newHome(t *testing.T) (*stage, *lab.Internet) {
	t.Helper()
	s := newStage(t)
	lab.Needs(t)
	n := lab.NewHome(lab.NewNetwork(t)).WithSuper()
	s.in, s.profile = n.PC, n.Profile
	return s, n
}

// visited checks that a visitor's bytes go the way that the tray says.
func (p *program) visited(n *lab.Internet, k host.Kind) {
	p.Helper()
	what := fmt.Sprintf("a visitor comes in as the icon %s says", k)
	p.until(what, func() bool { // the gateway may keep a connection of the other way for a while
		size, mapped, err := n.Visit("/")
		switch k {
		case host.Router:
			return err == nil && size > 0 && mapped >= size
		case host.Local:
			return err != nil
		}
		return err == nil && size > 0 && mapped == 0
	})
}

// What happens to the way in, and what the tray makes of it.
func TestIconFollowsTheLab(t *testing.T) {
	s, n := newHome(t)
	upnp := lab.Speaks{UPnP: true}
	n.Router.Serve(upnp)
	n.Super.Freeze() // so that the start can be looked at
	p := s.begin("--hidden")
	s.until("the tray is on the bus", p.onBus)
	faces := p.record()
	p.shows(host.Starting)
	s.panel(host.Starting)
	n.Super.Thaw()
	for _, step := range []struct {
		what    string
		happens func()
		shown   host.Kind
		between []host.Kind // what it may show before
	}{
		{"the super node answers", func() {}, host.Router, []host.Kind{host.Relay}},
		{"the router stops", func() { n.Router.Die(); n.Visit("/") }, host.Relay, nil},
		{"the router is back", func() { n.Router.Serve(upnp) }, host.Router, nil},
		{"the super node is switched off", n.Super.Kill, host.Local, nil},
		{"the super node is back", func() { n.StartSuper() }, host.Router, []host.Kind{host.Relay}},
		{"the internet is cut", n.Router.Cut, host.Local, []host.Kind{host.Relay}}, // the router tells that it has no address
		{"the internet is back", n.Router.Mend, host.Router, []host.Kind{host.Relay}},
	} {
		step.happens()
		took := p.shows(step.shown)
		p.visited(n, step.shown)
		var was []host.Kind
		s.until("the icon was seen to change", func() bool {
			was = append(was, faces()...)
			return slices.Contains(was, step.shown)
		})
		t.Logf("%s: %v after %v", step.what, was, took.Round(100*time.Millisecond))
		for _, k := range was {
			if k != step.shown && !slices.Contains(step.between, k) {
				t.Errorf("%s, and the icon was %v", step.what, was)
			}
		}
		s.panel(step.shown)
	}

	p.click("Stop")
	p.shows(host.Stopped)
	if left := n.Router.Mappings(); len(left) != 0 {
		t.Error("a stopped PC2 has a mapping:", left)
	}
	s.panel(host.Stopped)

	// What the node cannot read is trouble, until it can.
	n.Router.Die()
	file := filepath.Join(p.data, "format.json")
	format, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte("{"))
	p.click("Start")
	p.shows(host.Trouble)
	s.panel(host.Trouble)
	write(format)
	p.click("Start")
	p.shows(host.Relay)
	p.visited(n, host.Relay)
	p.click("Quit")
	p.leaves()
}

// With an address of the internet there is no router to ask.
func TestIconOfAPublicAddress(t *testing.T) {
	s, n := newHome(t)
	s.in = n.Public()
	p := s.start("--hidden")
	p.shows(host.Direct)
	p.visited(n, host.Direct)
	s.panel(host.Direct)
	p.click("Quit")
	p.leaves()
}

// Each way to end, with the window open and the router's port in use, and the
// next start at once.
func TestNothingIsLeftAtHome(t *testing.T) {
	s, n := newHome(t)
	n.Router.Serve(lab.Speaks{UPnP: true})
	env := s.env
	for _, c := range []struct {
		name    string
		session func() *service // what the end of it takes away
		do      func(p *program)
	}{
		{"quit", nil, func(p *program) { p.click("Quit") }},
		{"SIGTERM", nil, func(p *program) { p.signal(syscall.SIGTERM) }},
		{"SIGHUP", nil, func(p *program) { p.signal(syscall.SIGHUP) }},
		{"the display goes", s.display, nil},
		{"the bus goes", func() *service { return s.bus("--session") }, nil},
	} {
		if c.name == "SIGHUP" && signal.Ignored(syscall.SIGHUP) {
			t.Log("no SIGHUP: under nohup, which PC2 inherits from this test and heeds")
			continue
		}
		s.env = env
		if c.session != nil {
			n.Super.Kill()
			n.StartSuper() // one that has not dialled back too often yet
			part := c.session()
			c.do = func(*program) { part.end() }
		}
		p := s.start()
		p.logs(pageRuns, 0)
		s.until("the router gives a port", func() bool { return len(n.Router.Mappings()) == 1 })
		asked := time.Now()
		c.do(p)
		p.leaves()
		t.Logf("%s: gone after %v", c.name, time.Since(asked).Round(10*time.Millisecond))
		if left := n.Router.Mappings(); len(left) != 0 {
			t.Error(c.name, "leaves a mapping:", left)
		}
	}
}
