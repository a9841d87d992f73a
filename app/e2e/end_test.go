//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Every way to end, whatever state the window is in.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		do   func(p *program)
	}{
		{"quit, never opened", []string{"--hidden"}, func(p *program) { p.click("Quit") }},
		{"SIGTERM, never opened", []string{"--hidden"}, func(p *program) { p.signal(syscall.SIGTERM) }},
		{"SIGTERM, open", nil, func(p *program) { p.shown(1); p.logs(pageRuns, 0); p.signal(syscall.SIGTERM) }},
		{"SIGHUP, open", nil, func(p *program) { p.shown(1); p.signal(syscall.SIGHUP) }},
		{"quit, resting", []string{"--rest", "1s"}, func(p *program) {
			p.shown(1)
			p.logs(pageRuns, 0)
			p.closeWindow()
			p.until("it rests", func() bool { return strings.Contains(p.log(), "window: resting") })
			p.click("Quit")
		}},
		{"quit, stopped", []string{"--hidden"}, func(p *program) { p.click("Stop"); p.says("PC2 is stopped"); p.click("Quit") }},
		{"quit while it stops", []string{"--hidden"}, func(p *program) { p.click("Stop"); p.click("Quit") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "SIGHUP") && signal.Ignored(syscall.SIGHUP) {
				t.Skip("under nohup, which PC2 inherits from this test and heeds")
			}
			s := newStage(t)
			told := s.notices()
			p := s.start(c.args...)
			c.do(p)
			p.leaves()
			for _, n := range told.sofar() {
				if n.Title != "PC2 goes on" || c.name != "quit, resting" {
					t.Errorf("it ends, and says %q, %q", n.Title, n.Text)
				}
			}
		})
	}
	for _, d := range []time.Duration{0, 30, 60, 100, 150, 200, 300} {
		t.Run(fmt.Sprintf("SIGTERM %d ms after the click", d), func(t *testing.T) {
			s := newStage(t)
			told := s.notices()
			p := s.start("--hidden")
			p.click("Open PC2")
			time.Sleep(d * time.Millisecond)
			p.signal(syscall.SIGTERM)
			p.leaves()
			if n := told.sofar(); len(n) != 0 {
				t.Error("it ends, and says", n)
			}
		})
	}
}

// kill -9 is normal: the next start is whole.
func TestKilled(t *testing.T) {
	s := newStage(t)
	p := s.start()
	p.shown(1)
	id := p.count("node=")
	p.signal(syscall.SIGKILL)
	s.until("it ends", p.gone)
	s.until("its page ends with it", func() bool { return len(s.remains()) == 0 })
	p = s.start("--hidden")
	if id == 0 || !p.onBus() {
		t.Fatal("no start after kill -9")
	}
	p.click("Quit")
	p.leaves()
}

// A session bus with nothing on it that shows a tray.
func TestNoWatcher(t *testing.T) {
	s := newStage(t)
	s.bus("--session")
	p := s.begin("--hidden", "--panel", "1s")
	s.until("the ready file", func() bool {
		if p.isReady() && !p.onBus() {
			t.Fatal("ready, and the tray is not on the bus")
		}
		return p.isReady()
	})
	p.shown(1) // nothing could bring back a hidden one
	p.logs("closing the window ends PC2", 0)
	p.logs(pageRuns, 0)
	p.closeWindow()
	p.leaves()
}

func TestNoBus(t *testing.T) {
	s := newStage(t)
	s.set("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(s.dir, "none"))
	p := s.start("--hidden")
	p.shown(1)
	p.logs("no tray here", 0)
	p.logs(pageRuns, 0)
	p.closeWindow()
	p.leaves()
}

// Without a display, and with one that is dead, the tray opens the browser.
func TestNoDisplay(t *testing.T) {
	for _, display := range []string{"", ":4711"} {
		t.Run("DISPLAY="+display, func(t *testing.T) {
			s := newStage(t)
			s.set("DISPLAY", display)
			p := s.start("--hidden")
			for n := 1; n <= 2; n++ {
				p.click("Open PC2")
				s.until("the browser", func() bool { return len(s.opens()) == n })
				u := s.opens()[n-1]
				if !strings.HasPrefix(u, p.tells().URL+"/desktop/enter?k=") {
					t.Fatal(u)
				}
				if b, err := get(u); err != nil || !strings.Contains(b, "200 OK") {
					t.Fatal(b, err)
				}
			}
			p.logs("no window, so the browser is opened", 1)
			p.click("Quit")
			p.leaves()
		})
	}
}

func TestNeither(t *testing.T) {
	s := newStage(t)
	s.set("DISPLAY", "")
	s.set("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(s.dir, "none"))
	p := s.start()
	p.logs("runs as a node alone", 0)
	if b, err := get(p.tells().URL + "/health"); err != nil || !strings.Contains(b, `"ok"`) {
		t.Fatal(b, err)
	}
	p.signal(syscall.SIGTERM)
	p.leaves()

	// What cannot start has nobody to tell but its caller.
	if err := os.WriteFile(filepath.Join(p.data, "format.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.command().CombinedOutput()
	if err == nil || !strings.Contains(string(out), "format.json") {
		t.Fatalf("%v %s", err, out)
	}
}
