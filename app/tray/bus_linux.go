package tray

import (
	"fmt"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
)

// Available says whether a tray can be started (there is a session bus; systray
// panics at its end without one) and whether something shows it (not on a stock
// GNOME).
func Available() (can, shown bool) {
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		return false, false
	}
	defer c.Close()
	err = c.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher").Store(&shown)
	return true, err == nil && shown
}

// awaitShown waits until the item answers on the bus, its menu included.
func (t *Tray) awaitShown() {
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		t.log.Warn("tray: no session bus", "err", err)
		return
	}
	defer c.Close()
	menu := c.Object(fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", os.Getpid()), "/StatusNotifierItem/menu")
	for range 250 {
		var version dbus.Variant
		if err = menu.Call("org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, "com.canonical.dbusmenu", "Version").Store(&version); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.log.Warn("tray: the icon is not on the bus after 5 s", "err", err)
}
