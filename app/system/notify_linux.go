package system

import (
	"context"
	"fmt"
	"html"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	notifications = "org.freedesktop.Notifications"
	showLabel     = "Show in folder"
	answerWithin  = 10 * time.Second // of who shows notifications
	clickWithin   = 10 * time.Minute // of who sees it
)

// Notify shows a notification. One that leads somewhere is waited for, until it
// was clicked or closed, or ctx ends. Its own connection: the tray closes the
// shared one when it ends.
func Notify(ctx context.Context, n Notice) error {
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	defer c.Close()
	asking, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	server := c.Object(notifications, "/org/freedesktop/Notifications")
	var can []string
	if err := server.CallWithContext(asking, notifications+".GetCapabilities", 0).Store(&can); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	title, text := plain(n.Title), plain(n.Text)
	if slices.Contains(can, "body-markup") { // else it would show the escapes
		text = html.EscapeString(text)
	}
	var actions []string
	heard := make(chan *dbus.Signal, 16)
	if n.Show != "" && slices.Contains(can, "actions") {
		actions = []string{"default", showLabel, "show", showLabel}
		if err := c.AddMatchSignalContext(asking, dbus.WithMatchInterface(notifications)); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		c.Signal(heard)
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant("pc2")}
	var id uint32
	if err := server.CallWithContext(asking, notifications+".Notify", 0, "PC2", uint32(0), "pc2", title, text, actions, hints, int32(-1)).Store(&id); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if len(actions) == 0 || !clicked(ctx, heard, id) {
		return nil
	}
	return Reveal(n.Show)
}

// clicked waits for what becomes of a notification.
func clicked(ctx context.Context, heard <-chan *dbus.Signal, id uint32) bool {
	ctx, cancel := context.WithTimeout(ctx, clickWithin)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return false
		case s, ok := <-heard:
			if !ok {
				return false
			}
			if len(s.Body) < 1 || s.Body[0] != id {
				continue
			}
			switch s.Name {
			case notifications + ".ActionInvoked":
				return true
			case notifications + ".NotificationClosed":
				return false
			}
		}
	}
}
