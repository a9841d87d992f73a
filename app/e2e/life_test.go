//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// latePanel is a panel that comes up later than the program, as at login.
func (s *stage) latePanel() *service {
	s.Helper()
	cmd := exec.Command("xfce4-panel", "--disable-wm-check")
	cmd.Env, cmd.Stderr = os.Environ(), os.Stderr
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	v := &service{cmd: cmd}
	s.Cleanup(v.end)
	return v
}

// registered is how many items the panel knows.
func (p *program) registered() int {
	var items []string
	err := p.connect().Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher").StoreProperty("org.kde.StatusNotifierWatcher.RegisteredStatusNotifierItems", &items)
	if err != nil { // no panel yet
		return 0
	}
	return len(items)
}

// Started at login, PC2 may be there before the panel is: it stays hidden, the icon
// comes with the panel, and a closed window ends nothing. Without the panel it does.
func TestPanelComesLate(t *testing.T) {
	s := newStage(t)
	s.bus("--session")
	p := s.start("--hidden", "--panel", "10m")
	if !p.onBus() {
		t.Fatal("ready, and the tray is not on the bus")
	}
	p.says("Reachable through relay")
	if n := s.windows(); n != 0 {
		t.Fatal("a hidden start shows a window before the panel is there")
	}
	late := s.latePanel()
	s.until("the panel has the item", func() bool { return p.registered() == 1 })
	p.logs(`something shows the tray`, 0)
	if n := s.windows(); n != 0 || p.count("closing the window ends PC2") != 0 {
		t.Fatal("a window because of a panel that came late")
	}
	for range 2 {
		p.click("Open PC2")
		p.shown(1)
		p.logs(pageRuns, 0)
		p.closeWindow()
		p.shown(0)
	}
	if p.gone() || !p.onBus() {
		t.Fatal("closing the window has ended PC2")
	}
	p.click("Open PC2")
	p.shown(1)
	n := p.count(`nothing shows the tray now`)
	late.end()
	p.logs(`nothing shows the tray now`, n)
	p.closeWindow()
	p.leaves()
}

// The end of the session takes display, bus or both away, and says nothing.
func TestSessionEnds(t *testing.T) {
	for _, c := range []struct {
		name         string
		args         []string
		display, bus bool
	}{
		{"the display, open", nil, true, false},
		{"the display, hidden", []string{"--hidden"}, true, false},
		{"the bus, open", nil, false, true},
		{"the bus, hidden", []string{"--hidden", "--panel", "10m"}, false, true},
		{"both, open", nil, true, true},
		{"both, hidden", []string{"--hidden", "--panel", "10m"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			var parts []*service
			if c.display {
				parts = append(parts, s.display())
			}
			if c.bus {
				parts = append(parts, s.bus("--session"))
			}
			p := s.start(c.args...)
			p.says("Reachable through relay")
			if c.args == nil {
				p.logs(pageRuns, 0)
			}
			for _, part := range parts {
				part.end()
			}
			p.leaves()
		})
	}
}

// kill ends the program's children of this name, as nothing should.
func (p *program) kill(name string) {
	p.Helper()
	pids := p.children(name)
	if len(pids) == 0 {
		p.Fatal("there is no process called", name)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			p.Fatal(err)
		}
	}
}

const anew = "the page has lost its way in and is loaded anew"

// WebKit's network process holds the window's cookies. When it dies a trusted owner
// is back at once, in an open window and in one that is closed.
func TestNetworkProcessThatDies(t *testing.T) {
	s := newStage(t)
	token := s.trusted()
	p := s.start()
	p.shown(1)
	p.logs(listing, 0)
	for round := range 2 {
		s.painted("before-the-network-dies")
		n, c := p.count(listing), p.count(anew)
		time.Sleep(10 * time.Second * time.Duration(round)) // a page that is loaded anew twice in that time is not helped
		p.kill("WebKitNetwork")
		p.logs(anew, c)
		p.logs(listing, n)
	}
	s.painted("after-the-network-died")
	p.closeWindow()
	p.shown(0)
	n := p.count(listing)
	p.kill("WebKitNetwork")
	p.kill("WebKitWeb")
	p.click("Open PC2")
	p.shown(1)
	p.logs(listing, n)
	s.painted("after-both-died")
	p.call(nil, "POST", "/mkdir", token, strings.NewReader(`{"path":"~/still"}`))
	p.click("Quit")
	p.leaves()
}

// An owner who did not consent to that is asked to sign in, and told why; the way by
// the browser works.
func TestNetworkProcessThatDiesUntrusted(t *testing.T) {
	s := newStage(t)
	p := s.start("--hidden", "--rest", "10m")
	token := p.claim()
	allow := func() {
		n := len(s.opens())
		p.focus()
		p.do("key", "shift+Tab", "shift+Tab", "shift+Tab", "Return")
		s.until("the browser opens", func() bool { return len(s.opens()) == n+1 })
		_, key, _ := strings.Cut(s.opens()[n], p.tells().URL+"/#window=")
		n = p.count(listing)
		p.post("/desktop/handover/answer", token, map[string]any{"key": key, "allow": true}, nil)
		p.logs(listing, n)
	}
	p.click("Open PC2")
	p.shown(1)
	p.logs(`route="GET /api/setup/status"`, 0)
	s.painted("sign-in-before")
	allow()
	s.painted("signed-in")
	n := p.count(`route="GET /api/setup/status"`)
	p.kill("WebKitNetwork")
	p.logs(anew, 0)
	p.logs(`route="GET /api/setup/status"`, n)
	s.painted("sign-in-anew")
	allow()
	p.click("Quit")
	p.leaves()
}
