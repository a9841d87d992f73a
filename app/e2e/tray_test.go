//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	pageRuns    = `route="GET /whoami"`
	aboutPage   = `route="GET /desktop/about"`
	addressPage = `route="GET /desktop/address"`
)

// Each entry of the menu, as a panel activates it.
func TestEveryEntry(t *testing.T) {
	s := newStage(t)
	p := s.begin("--hidden")
	s.until("the ready file", func() bool {
		if !p.isReady() {
			return false
		}
		if !p.onBus() {
			t.Fatal("ready, and the tray is not on the bus")
		}
		return true
	})
	p.says("Reachable through relay")
	relay := p.icon()
	if n := len(p.children(".")); n != 0 || s.windows() != 0 {
		t.Fatalf("a hidden start has %d processes and %d windows", n, s.windows())
	}
	if got := p.property("Title"); got != "PC2" {
		t.Fatal("the item is called", got)
	}
	told := p.tells()

	p.click("Open in browser")
	s.until("the browser", func() bool { return len(s.opens()) == 1 })
	// Others can read a command line, so the code comes with the answer.
	if u := s.opens()[0]; !strings.HasPrefix(u, told.URL+"/desktop/enter?k=") {
		t.Fatal(u)
	} else if body, err := get(u); err != nil || !strings.Contains(body, "url=/#claim="+*told.ClaimCode) {
		t.Fatal(body, err)
	}

	p.click("Copy my address")
	p.logs("address copied", 0)
	for range 2 {
		if out, err := exec.Command("xclip", "-selection", "clipboard", "-o").CombinedOutput(); err != nil || string(out) != *told.GatewayURL {
			t.Fatalf("%q %v", out, err)
		}
	}

	auto := filepath.Join(s.dir, "config", "autostart", "pc2.desktop")
	p.click("Start at login")
	s.until("the check mark", func() bool { return p.menu()["Start at login"].checked })
	b, err := os.ReadFile(auto)
	if err != nil || !strings.Contains(string(b), `"--hidden" "--data" "`+p.data+`" "--profile" "local"`) {
		t.Fatalf("%s %v", b, err)
	}
	p.click("Start at login")
	s.until("no check mark", func() bool { return !p.menu()["Start at login"].checked })
	if _, err := os.Stat(auto); err == nil {
		t.Fatal("it still starts at login")
	}

	p.click("Logs")
	s.until("the folder", func() bool { return len(s.opens()) == 2 })
	if u := s.opens()[1]; !strings.HasSuffix(u, p.data+"/logs") {
		t.Fatal(u)
	}

	seen := p.count(pageRuns)
	p.click("Open PC2")
	p.shown(1)
	p.logs(pageRuns, seen)
	p.click("Show QR code")
	p.logs(addressPage, 0)
	s.painted("qr")
	p.click("Update…")
	p.logs(aboutPage, 0)
	s.painted("about")

	p.click("Stop")
	p.says("PC2 is stopped")
	if p.icon() == relay {
		t.Fatal("the icon of a stopped PC2 is that of a reachable one")
	}
	if _, err := get(told.URL + "/health"); err == nil {
		t.Fatal("a stopped PC2 answers")
	}
	for _, label := range []string{"Open in browser", "Copy my address", "Show QR code"} {
		if p.menu()[label].enabled {
			t.Error(label, "can be chosen while it is stopped")
		}
	}
	p.logs(stoppedPage, 0) // the window follows a moment after the tray
	s.painted("stopped")
	seen = p.count("desktop/enter")
	p.click("Start")
	p.says("Reachable through relay")
	if p.icon() != relay {
		t.Fatal("another icon for the same state")
	}
	p.logs("desktop/enter", seen) // the open window comes in by itself
	if again := p.tells(); again.URL != told.URL || *again.GatewayURL != *told.GatewayURL {
		t.Fatalf("it moved: %+v", again)
	}
	p.click("Quit")
	p.leaves()
}

// The window's own Start button, by keyboard.
func TestStartButton(t *testing.T) {
	s := newStage(t)
	p := s.start()
	p.shown(1)
	p.logs(pageRuns, 0)
	p.click("Stop")
	p.says("PC2 is stopped")
	p.logs(stoppedPage, 0)
	s.painted("stopped-again")
	p.focus()
	s.until("it is started by the keyboard", func() bool {
		s.do("key", "Return")
		return p.menu()["Stop"].id != 0
	})
	p.says("Reachable through relay")
	p.click("Quit")
	p.leaves()
}

// Left click on the icon, and the menu by the mouse, in the panel.
func TestMouse(t *testing.T) {
	s := newStage(t)
	p := s.start("--hidden")
	p.says("Reachable through relay")
	var registered []string
	s.until("the panel has the item", func() bool {
		err := p.connect().Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher").StoreProperty("org.kde.StatusNotifierWatcher.RegisteredStatusNotifierItems", &registered)
		return err == nil && len(registered) == 1
	})
	// Left of the clock; the panel draws it when it has the picture.
	s.until("a click on the icon opens the window", func() bool {
		s.do("mousemove", "1200", "16", "click", "1")
		for range 20 {
			if s.windows() == 1 {
				return true
			}
			time.Sleep(100 * time.Millisecond)
		}
		return false
	})
	p.logs(pageRuns, 0)
	s.painted("window")
	s.do("mousemove", "1200", "16", "click", "3")
	s.painted("menu")
	s.do("key", "Escape", "mousemove", "640", "790")
	p.click("Quit")
	p.leaves()
}

// A closed window rests, and comes back; a second start shows it, with its link.
func TestRestAndSecondStart(t *testing.T) {
	s := newStage(t)
	p := s.start("--rest", "1s")
	p.shown(1)
	n := p.logs(pageRuns, 0)
	for range 3 {
		p.closeWindow()
		p.shown(0)
		s.until("the page's process ends", func() bool { return len(p.children("WebKitWeb")) == 0 })
		p.click("Open PC2")
		p.shown(1)
		n = p.logs(pageRuns, n)
	}
	p.closeWindow()
	p.shown(0)
	out, err := s.command("pc2://about", "pc2://open/../../x").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "running already") {
		t.Fatalf("%v %s", err, out)
	}
	p.shown(1)
	p.logs(aboutPage, 0)
	p.logs("a link was refused", 0)
	p.click("Quit")
	p.leaves()
}

func TestPageThatDies(t *testing.T) {
	s := newStage(t)
	p := s.start()
	p.shown(1)
	n := p.logs(pageRuns, 0)
	for range 2 {
		s.painted("before")
		p.kill("WebKitWeb")
		n = p.logs(pageRuns, n)
	}
	if b, err := get(p.tells().URL + "/health"); err != nil || !strings.Contains(b, `"ok"`) {
		t.Fatal(b, err)
	}
	p.click("Quit")
	p.leaves()
}

// stoppedPage is in the log when the window is given the page of a stopped PC2.
const stoppedPage = `msg="window: the local page" part=window shows=stopped`

func get(u string) (string, error) {
	if _, err := url.Parse(u); err != nil {
		return "", err
	}
	c := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get(u)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var b strings.Builder
	if _, err := fmt.Fprint(&b, res.Status); err != nil {
		return "", err
	}
	buf := make([]byte, 4096)
	k, _ := res.Body.Read(buf) // its beginning is enough
	b.Write(buf[:k])
	return b.String(), nil
}
