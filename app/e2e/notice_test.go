//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// notices listens, as a bus monitor, to what programs ask to be shown. The
// server is a real one, dunst, which the bus starts.
type notices struct {
	*stage
	mu   sync.Mutex
	seen []notice
}

type notice struct {
	Title, Text string
	Actions     []string
	All         string // everything in the message
}

func (s *stage) notices() *notices {
	s.Helper()
	n := &notices{stage: s}
	n.away() // what an earlier story has left
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { c.Close() })
	heard := make(chan *dbus.Message, 256)
	rules := []string{"interface='org.freedesktop.Notifications',member='Notify'"}
	if err := c.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, rules, uint32(0)).Err; err != nil {
		s.Fatal(err)
	}
	c.Eavesdrop(heard) // not before: it would take the answer, too
	go func() {        // until the connection is closed
		for m := range heard {
			if m.Type != dbus.TypeMethodCall || len(m.Body) < 6 {
				continue
			}
			title, _ := m.Body[3].(string)
			text, _ := m.Body[4].(string)
			actions, _ := m.Body[5].([]string)
			n.mu.Lock()
			n.seen = append(n.seen, notice{title, text, actions, fmt.Sprint(m.Body)})
			n.mu.Unlock()
		}
	}()
	return n
}

func (n *notices) all() []notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.seen)
}

// sofar is what came until now: a message of this story's own is the last of it.
func (n *notices) sofar() []notice {
	n.Helper()
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		n.Fatal(err)
	}
	defer c.Close()
	// To itself: nothing shows it, the monitor sees it.
	c.Object(c.Names()[0], "/").Go("org.freedesktop.Notifications.Notify", 0, nil, "", uint32(0), "", "the last", "", []string{})
	var all []notice
	n.until("the last notification", func() bool {
		all = n.all()
		return len(all) > 0 && all[len(all)-1].Title == "the last"
	})
	return all[:len(all)-1]
}

// arrives waits for a notification with this title, on the bus and on the screen,
// and puts it away.
func (n *notices) arrives(title string) (found notice) {
	n.Helper()
	n.until("notification "+title, func() bool {
		for _, x := range n.all() {
			if x.Title == title {
				found = x
				return true
			}
		}
		return false
	})
	n.displayed()
	n.steady("notice-" + strings.Trim(strings.ReplaceAll(title, " ", "-"), "?"))
	return found
}

// displayed waits until something is on the screen.
func (n *notices) displayed() {
	n.Helper()
	n.until("it is shown", func() bool {
		return exec.Command("xdotool", "search", "--onlyvisible", "--class", "Dunst").Run() == nil
	})
}

// away closes what dunst shows; it keeps it in its history.
func (n *notices) away() {
	n.Helper()
	if out, err := exec.Command("dunstctl", "close-all").CombinedOutput(); err != nil {
		n.Fatalf("%v %s", err, out)
	}
	n.until("it is gone", func() bool {
		return exec.Command("xdotool", "search", "--onlyvisible", "--class", "Dunst").Run() != nil
	})
}

// history is what dunst itself has shown: titles, the newest first. Asked without
// dunstctl, which needs systemd's busctl for it.
func (n *notices) history() (titles []string) {
	n.Helper()
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		n.Fatal(err)
	}
	defer c.Close()
	var shown []map[string]dbus.Variant
	err = c.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications").Call("org.dunstproject.cmd0.NotificationListHistory", 0).Store(&shown)
	if err != nil {
		n.Fatal(err)
	}
	for _, x := range shown {
		title, _ := x["summary"].Value().(string)
		titles = append(titles, title)
	}
	return titles
}

// steady keeps a picture once the whole screen stands still.
func (s *stage) steady(name string) {
	s.Helper()
	last := ""
	s.until("the screen stands still: "+name, func() bool {
		out, err := exec.Command("import", "-window", "root", "-crop", "1280x767+0+33", "gray:-").Output() // not the clock
		if err != nil {
			s.Fatal(err)
		}
		still := string(out) == last
		last = string(out)
		return still
	})
	s.picture(name)
}

// manager is a file manager on the bus.
type manager struct{ shown chan []string }

func (m *manager) ShowItems(uris []string, _ string) *dbus.Error {
	m.shown <- uris
	return nil
}

func (s *stage) fileManager() *manager {
	s.Helper()
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { c.Close() })
	m := &manager{shown: make(chan []string, 8)}
	if err := c.Export(m, "/org/freedesktop/FileManager1", "org.freedesktop.FileManager1"); err != nil {
		s.Fatal(err)
	}
	if r, err := c.RequestName("org.freedesktop.FileManager1", dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		s.Fatal(r, err)
	}
	return m
}

// Everything that notifies, seen on the bus, on the screen and in the server's
// own history; and nothing secret in it.
func TestNotices(t *testing.T) {
	s := newStage(t)
	n := s.notices()
	p := s.start("--rest", "1s")
	p.shown(1)
	p.logs(pageRuns, 0)
	told := p.tells()

	// The window is closed for the first time; the second one is nothing new.
	p.closeWindow()
	p.shown(0)
	n.arrives("PC2 goes on")
	n.away()
	p.click("Open PC2")
	p.shown(1)
	p.closeWindow()
	p.shown(0)
	p.rests()

	// A device with a name that would be a link and a picture, if it were markup.
	token := p.claim()
	var offer struct{ Code string }
	if err := json.Unmarshal(p.call(nil, "POST", "/auth/pair", token, strings.NewReader("{}")), &offer); err != nil {
		t.Fatal(err)
	}
	const evil = `Anna <a href="//x.example">!</a> & <img src="/x"/>`
	ask, err := json.Marshal(map[string]string{"code": offer.Code, "device_name": evil})
	if err != nil {
		t.Fatal(err)
	}
	p.call(nil, "POST", "/auth/pair/redeem", "", strings.NewReader(string(ask)))
	if x := n.arrives("Let a device in?"); strings.ContainsAny(x.Text, `<>"`) || !strings.Contains(x.Text, "Anna &lt;a href=") {
		t.Fatalf("%+v", x)
	}
	n.away()

	// Trouble.
	p.click("Stop")
	p.says("PC2 is stopped")
	format := filepath.Join(p.data, "format.json")
	good, err := os.ReadFile(format)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(format, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.click("Start")
	n.arrives("PC2 has a problem")
	n.away()
	if err := os.WriteFile(format, good, 0o600); err != nil {
		t.Fatal(err)
	}
	p.click("Start")
	p.says("Reachable through relay")

	var titles []string
	for _, x := range n.all() {
		titles = append(titles, x.Title)
		for what, secret := range map[string]string{"session": token, "claim code": *told.ClaimCode, "pairing code": offer.Code, "window's key": "desktop/enter"} {
			if strings.Contains(x.All, secret) {
				t.Errorf("the %s is in %+v", what, x)
			}
		}
	}
	if got := strings.Join(titles, ", "); got != "PC2 goes on, Let a device in?, PC2 has a problem" {
		t.Error(got)
	}
	if h := n.history(); len(h) < 3 || h[0] != "PC2 has a problem" || h[1] != "Let a device in?" || h[2] != "PC2 goes on" {
		t.Error("dunst has shown", h)
	}
	p.click("Quit")
	p.leaves()
}

// A file that comes while nobody looks; a click shows where it is.
func TestNoticeOfDownload(t *testing.T) {
	s := newStage(t)
	dir := s.downloads()
	n := s.notices()
	files := s.fileManager()
	s.set("DISPLAY", "")
	p := s.start("--hidden")
	token := p.claim()
	w := p.window()
	p.put(token, "~/Grüße & <b>.txt", strings.NewReader("hello"))
	p.call(w, "POST", "/desktop/save", token, strings.NewReader(`{"path":"~/Grüße & <b>.txt"}`))
	if x := n.arrives("Saved"); !strings.Contains(x.Text, "Grüße &amp; &lt;b&gt;.txt") || !slices.Contains(x.Actions, "Show in folder") {
		t.Fatalf("%+v", x)
	}
	var uris []string
	s.until("the file manager shows it", func() bool {
		if out, err := exec.Command("dunstctl", "action", "0").CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		select {
		case uris = <-files.shown:
			return true
		case <-time.After(3 * time.Second): // it had gone by itself before the click
			p.call(w, "POST", "/desktop/save", token, strings.NewReader(`{"path":"~/Grüße & <b>.txt"}`))
			n.displayed()
			return false
		}
	})
	if len(uris) != 1 || !strings.Contains(uris[0], "/T%C3%A9l%C3%A9chargements/Gr%C3%BC%C3%9Fe%20&%20%3Cb%3E") {
		t.Fatal(uris)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "Grüße & <b>.txt")); err != nil || string(b) != "hello" {
		t.Fatal(string(b), err)
	}
	n.away()
	n.away()
	p.click("Quit")
	p.leaves()
}

// A bus on which nobody shows notifications, nor trays.
func TestNoNotices(t *testing.T) {
	s := newStage(t)
	conf := filepath.Join(s.dir, "bus.conf")
	text := fmt.Sprintf(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, os.TempDir())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.bus("--config-file=" + conf)
	p := s.start()
	p.shown(1)
	p.logs(pageRuns, 0)
	p.click("Stop")
	p.says("PC2 is stopped")
	if err := os.WriteFile(filepath.Join(p.data, "format.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.click("Start")
	p.logs("no notification could be shown", 0)
	p.says("PC2 could not run")
	s.painted("trouble")
	p.closeWindow() // nothing could bring it back
	p.leaves()
}
