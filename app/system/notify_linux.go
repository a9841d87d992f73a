package system

import (
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Notify shows a notification. Its own connection: the tray closes the shared
// one when it ends.
func Notify(title, text string) error {
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	defer c.Close()
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant("pc2")}
	call := c.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications").
		Call("org.freedesktop.Notifications.Notify", 0, "PC2", uint32(0), "pc2", title, text, []string{}, hints, int32(-1))
	if call.Err != nil {
		return fmt.Errorf("notify: %w", call.Err)
	}
	return nil
}
