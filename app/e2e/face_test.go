//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"pc2/app/host"
	"pc2/app/icon"
)

// What the tray shows for a state, as it is on the bus.

var kinds = []host.Kind{host.Starting, host.Direct, host.Router, host.Relay, host.Local, host.Stopped, host.Trouble}

// says is whether a text is that of a state.
func says(text string, k host.Kind) bool {
	text = strings.TrimPrefix(text, "PC2: ")
	return slices.ContainsFunc(map[host.Kind][]string{
		host.Starting: {"PC2 is starting…", "Looking for a way in from outside…"},
		host.Direct:   {"Reachable directly"},
		host.Router:   {"Reachable through your router"},
		host.Relay:    {"Reachable through relay 25.25.25.2:8090"},
		host.Local:    {"Not reachable from outside at the moment; trying again"},
		host.Stopped:  {"PC2 is stopped"},
		host.Trouble:  {"PC2 could not run"},
	}[k], func(begin string) bool { return strings.HasPrefix(text, begin) })
}

// kind says which state's picture an IconPixmap is; "" for another one.
func (s *stage) kind(pixmap any) host.Kind {
	s.Helper()
	got := fmt.Sprint(pixmap)
	for _, k := range kinds {
		m, _, err := image.Decode(bytes.NewReader(icon.Tray(string(k))))
		if err != nil {
			s.Fatal(err)
		}
		b := m.Bounds()
		var argb []byte
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				r, g, b, a := m.At(x, y).RGBA()
				argb = append(argb, byte(a), byte(r), byte(g), byte(b))
			}
		}
		if got == fmt.Sprint([][]any{{int32(b.Dx()), int32(b.Dy()), argb}}) {
			return k
		}
	}
	return ""
}

// shows waits until icon, tooltip and menu all say the state, and how long that took.
func (p *program) shows(k host.Kind) time.Duration {
	p.Helper()
	begin := time.Now()
	var now host.Kind
	var tip string
	defer func() {
		if p.Failed() {
			p.Logf("icon %q, tooltip %q", now, tip)
		}
	}()
	p.until(fmt.Sprintf("the tray shows %s", k), func() bool {
		if p.gone() {
			p.Fatalf("it ended with %v\n%s", p.cmd.ProcessState, tail(p.log()))
		}
		now = p.kind(p.property("IconPixmap"))
		tip = fmt.Sprint(p.property("ToolTip").([]any)[2])
		if now != k || !says(tip, k) {
			return false
		}
		for label := range p.menu() {
			if says(label, k) {
				return true
			}
		}
		return false
	})
	return time.Since(begin)
}

// record notes each change of the icon. The function takes those that it has not
// returned yet.
func (p *program) record() func() []host.Kind {
	p.Helper()
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { c.Close() })
	var mu sync.Mutex
	var all []host.Kind
	heard := make(chan *dbus.Signal, 100)
	c.Signal(heard)
	if err := c.AddMatchSignal(dbus.WithMatchSender(p.name()), dbus.WithMatchInterface("org.freedesktop.DBus.Properties"), dbus.WithMatchObjectPath("/StatusNotifierItem")); err != nil {
		p.Fatal(err)
	}
	go func() {
		for s := range heard { // until the connection closes
			if len(s.Body) < 2 {
				continue
			}
			changed, _ := s.Body[1].(map[string]dbus.Variant)
			if v, ok := changed["IconPixmap"]; ok {
				mu.Lock()
				all = append(all, p.kind(v.Value()))
				mu.Unlock()
			}
		}
	}()
	return func() []host.Kind {
		mu.Lock()
		defer mu.Unlock()
		defer func() { all = nil }()
		return all
	}
}

// panel keeps pictures of the panel, light and dark, when they are wanted: one for
// each state. What people look at is not judged here.
func (s *stage) panel(k host.Kind) {
	s.Helper()
	dir := os.Getenv("PC2_PICTURES")
	if dir == "" {
		return
	}
	run := func(name string, args ...string) {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			s.Fatalf("%s: %v %s", name, err, out)
		}
	}
	set := func(property string, args ...string) {
		run("xfconf-query", append([]string{"-c", "xfce4-panel", "-n", "-p", "/panels/panel-1/" + property}, args...)...)
	}
	for _, shade := range []struct{ name, level string }{{"light", "0.96"}, {"dark", "0.13"}} {
		file := filepath.Join(dir, fmt.Sprintf("tray-%s-%s.png", k, shade.name))
		if _, err := os.Stat(file); err == nil {
			return
		}
		set("background-rgba", "-t", "double", "-t", "double", "-t", "double", "-t", "double", "-s", shade.level, "-s", shade.level, "-s", shade.level, "-s", "1")
		set("background-style", "-t", "uint", "-s", "1")
		time.Sleep(700 * time.Millisecond) // for the panel to draw
		run("import", "-window", "root", "-crop", "64x32+1184+0", "+repage", file)
		run("mogrify", "-scale", "400%", file)
	}
	set("background-style", "-t", "uint", "-s", "0")
}
