package tray

import (
	"context"
	"fmt"
	"os"
	"time"

	"fyne.io/systray"
	"github.com/godbus/dbus/v5"
)

// watcher is the name of what shows trays: a panel's, which may come later than
// this program. A stock GNOME has none.
const watcher = "org.kde.StatusNotifierWatcher"

// Available says whether a tray can be started: there is a session bus; systray
// panics at its end without one.
func Available() bool {
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// follow tells whether something shows the tray, now and for as long as c lives.
func (t *Tray) follow(c *dbus.Conn) error {
	err := c.AddMatchSignal(dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcher))
	if err != nil {
		return err
	}
	changes := make(chan *dbus.Signal, 16)
	c.Signal(changes)
	seen := func() error {
		var owned bool
		if err := c.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, watcher).Store(&owned); err != nil {
			return err
		}
		t.do.Seen(owned)
		return nil
	}
	if err := seen(); err != nil {
		return err
	}
	go func() { // until c closes the channel
		for range changes {
			if err := seen(); err != nil && c.Context().Err() == nil {
				t.log.Warn("tray: what shows it is not known", "err", err)
			}
		}
	}()
	return nil
}

// awaitShown waits until the item answers on the bus, its menu included, and then
// heeds the end of the bus: it ends with the session, and nobody sees a tray
// without it. The next session has another one.
func (t *Tray) awaitShown() (stop func()) {
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		t.log.Warn("tray: no session bus", "err", err)
		return func() {}
	}
	heeds := context.AfterFunc(c.Context(), t.do.Ended)
	if err := t.follow(c); err != nil {
		t.log.Warn("tray: what shows it is not followed", "err", err)
	}
	item := c.Object(fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", os.Getpid()), "/StatusNotifierItem")
	late := time.Now().Add(5 * time.Second)
	for !t.heard(item) {
		if time.Now().After(late) {
			t.log.Warn("tray: the icon is not on the bus after 5 s")
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return func() {
		heeds()
		c.Close()
	}
}

// heard says whether the bus has what systray is told. Before systray is done
// with its start, the last thing it does, that is lost.
func (t *Tray) heard(item dbus.BusObject) bool {
	t.mu.Lock()
	text := t.face.Tooltip
	if t.built {
		systray.SetTooltip(text)
	}
	t.mu.Unlock()
	var v dbus.Variant
	err := item.Call("org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, "org.kde.StatusNotifierItem", "ToolTip").Store(&v)
	tip, _ := v.Value().([]any)
	return err == nil && len(tip) > 2 && tip[2] == text
}
