package keychain

import (
	"context"
	"errors"
	"slices"

	"github.com/godbus/dbus/v5"
)

// The Secret Service API of freedesktop.org.
const (
	secrets    = "org.freedesktop.secrets"
	root       = dbus.ObjectPath("/org/freedesktop/secrets")
	login      = root + "/collection/login"
	session    = root + "/collection/session"
	api        = "org.freedesktop.Secret."
	completed  = api + "Prompt.Completed"
	properties = "org.freedesktop.DBus.Properties.Get"
	nobody     = dbus.ObjectPath("/")
)

// connect goes to the session bus that there is. The library's own way would
// start one where there is none.
func connect(ctx context.Context) (*dbus.Conn, error) {
	c, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return nil, ErrNone.Because(err)
	}
	if err := c.Auth(nil); err != nil {
		c.Close()
		return nil, ErrNone.Because(plain(err))
	}
	if err := c.Hello(); err != nil {
		c.Close()
		return nil, ErrNone.Because(plain(err))
	}
	return c, nil
}

// look says whether the keychain is open, without asking anybody. Only with
// start is a Secret Service started that does not run yet.
func look(ctx context.Context, start bool) error {
	c, err := connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var runs bool
	if err := c.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, secrets).Store(&runs); err != nil {
		return ErrNone.Because(plain(err))
	}
	if !runs && !start {
		return ErrNone.Because(errors.New("no Secret Service runs"))
	}
	path, err := collection(ctx, c)
	if err != nil {
		return err
	}
	var locked dbus.Variant
	if err := c.Object(secrets, path).CallWithContext(ctx, properties, 0, api+"Collection", "Locked").Store(&locked); err != nil {
		return ErrNone.Because(plain(err))
	}
	if is, ok := locked.Value().(bool); !ok || is {
		return ErrLocked
	}
	return nil
}

// collection is where the library puts its entries.
func collection(ctx context.Context, c *dbus.Conn) (dbus.ObjectPath, error) {
	service := c.Object(secrets, root)
	var all dbus.Variant
	if err := service.CallWithContext(ctx, properties, 0, api+"Service", "Collections").Store(&all); err != nil {
		return "", ErrNone.Because(plain(err))
	}
	if paths, ok := all.Value().([]dbus.ObjectPath); ok && slices.Contains(paths, login) {
		return login, nil
	}
	var path dbus.ObjectPath
	if err := service.CallWithContext(ctx, api+"Service.ReadAlias", 0, "default").Store(&path); err != nil {
		return "", ErrNone.Because(plain(err))
	}
	if path == nobody || path == session || !path.IsValid() {
		return "", ErrNone.Because(errors.New("the Secret Service has no collection that lasts"))
	}
	return path, nil
}

// ask has the desktop ask for the password, and returns when that is over. Its
// connection ends with ctx, and the question with the connection.
func ask(ctx context.Context) {
	c, err := connect(ctx)
	if err != nil {
		return // the caller looks for itself
	}
	defer c.Close()
	path, err := collection(ctx, c)
	if err != nil {
		return
	}
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err = c.Object(secrets, root).CallWithContext(ctx, api+"Service.Unlock", 0, []dbus.ObjectPath{path}).Store(&unlocked, &prompt)
	if err != nil || prompt == nobody || !prompt.IsValid() {
		return
	}
	answers := make(chan *dbus.Signal, 8)
	c.Signal(answers)
	if err := c.AddMatchSignalContext(ctx, dbus.WithMatchObjectPath(prompt), dbus.WithMatchSender(secrets)); err != nil {
		return
	}
	if err := c.Object(secrets, prompt).CallWithContext(ctx, api+"Prompt.Prompt", 0, "").Err; err != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case s, open := <-answers:
			if !open || s.Path == prompt && s.Name == completed {
				return
			}
		}
	}
}

// plain is an error without what the other end has written into it.
func plain(err error) error {
	if e, ok := errors.AsType[dbus.Error](err); ok {
		return errors.New(e.Name)
	}
	if e, ok := errors.AsType[*dbus.Error](err); ok {
		return errors.New(e.Name)
	}
	return err
}
