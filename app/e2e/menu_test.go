//go:build linux

package e2e

import (
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// The menu as a panel sees it: com.canonical.dbusmenu.

type entry struct {
	id      int32
	enabled bool
	checked bool
}

type layout struct {
	ID    int32
	Props map[string]dbus.Variant
	Kids  []dbus.Variant
}

func (p *program) name() string {
	return fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", p.cmd.Process.Pid)
}

func (p *program) connect() *dbus.Conn {
	p.Helper()
	if p.bus == nil {
		var err error
		if p.bus, err = dbus.ConnectSessionBus(); err != nil {
			p.Fatal(err)
		}
	}
	return p.bus
}

// onBus says whether the tray item is there.
func (p *program) onBus() (there bool) {
	p.Helper()
	if err := p.connect().BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, p.name()).Store(&there); err != nil {
		p.Fatal(err)
	}
	return there
}

// menu reads the entries by their labels.
func (p *program) menu() map[string]entry {
	p.Helper()
	var rev uint32
	var root layout
	o := p.connect().Object(p.name(), "/StatusNotifierItem/menu")
	if err := o.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&rev, &root); err != nil {
		p.Fatal(err)
	}
	out := map[string]entry{}
	for _, kid := range root.Kids {
		var l layout
		if err := dbus.Store([]any{kid.Value()}, &l); err != nil {
			p.Fatal(err)
		}
		label, _ := l.Props["label"].Value().(string)
		enabled, known := l.Props["enabled"].Value().(bool)
		state, _ := l.Props["toggle-state"].Value().(int32)
		out[label] = entry{l.ID, enabled || !known, state == 1}
	}
	return out
}

// click waits until the entry can be chosen, and chooses it.
func (p *program) click(label string) {
	p.Helper()
	var e entry
	p.until("menu entry "+label, func() bool { e = p.menu()[label]; return e.enabled && e.id != 0 })
	o := p.connect().Object(p.name(), "/StatusNotifierItem/menu")
	if err := o.Call("com.canonical.dbusmenu.Event", 0, e.id, "clicked", dbus.MakeVariant("0"), uint32(0)).Err; err != nil {
		p.Fatal(err)
	}
}

// property of the tray item.
func (p *program) property(name string) any {
	p.Helper()
	var v dbus.Variant
	err := p.connect().Object(p.name(), "/StatusNotifierItem").Call("org.freedesktop.DBus.Properties.Get", 0, "org.kde.StatusNotifierItem", name).Store(&v)
	if err != nil {
		p.Fatal(err)
	}
	return v.Value()
}

// icon is the picture that the panel has.
func (p *program) icon() string { return fmt.Sprint(p.property("IconPixmap")) }

// says waits until the menu's first line begins with text.
func (p *program) says(text string) {
	p.Helper()
	p.until("the menu says "+text, func() bool {
		for label := range p.menu() {
			if strings.HasPrefix(label, text) {
				return true
			}
		}
		return false
	})
}
