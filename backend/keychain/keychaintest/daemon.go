package keychaintest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	// Password is that of every keychain here.
	Password = "correct horse"
	secrets  = "org.freedesktop.secrets"
	root     = dbus.ObjectPath("/org/freedesktop/secrets")
	login    = root + "/collection/login"
	api      = "org.freedesktop.Secret."
	// patience is how long a start may take on a busy machine.
	patience = time.Minute
)

// secret is the structure of the Secret Service API.
type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

// Daemon is a keychain and its session bus.
type Daemon struct {
	t      testing.TB
	dir    string
	env    []string
	conn   *dbus.Conn
	daemon *exec.Cmd
	log    *os.File // of both programs
}

// Start starts a bus and an unlocked keychain, and ends both with the test.
func Start(t testing.TB) *Daemon {
	t.Helper()
	d := Bus(t)
	d.Begin()
	d.Unlock()
	return d
}

// Bus starts a session bus that has no keychain on it.
func Bus(t testing.TB) *Daemon {
	t.Helper()
	d := prepare(t)
	conf := filepath.Join(d.dir, "bus.conf")
	address := "unix:path=" + filepath.Join(d.dir, "bus")
	text := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>` + address + `</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.env = append(d.env, "DBUS_SESSION_BUS_ADDRESS="+address, "DISPLAY=", "WAYLAND_DISPLAY=")
	for _, v := range d.env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	d.process("dbus-daemon", "--config-file="+conf, "--nofork")
	d.connect(address)
	return d
}

// Session is Start on the session bus that this process has already, which
// should be a test's own. The environment stays as it is. Where that bus can
// start programs, a person at its display can be asked for Password.
func Session(t testing.TB) *Daemon {
	t.Helper()
	d := prepare(t)
	d.connect(os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	d.Begin()
	d.Unlock()
	return d
}

func prepare(t testing.TB) *Daemon {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("a keychain of its own for a test is there on Linux only")
	}
	for _, program := range []string{"dbus-daemon", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: build/setup.sh", program)
		}
	}
	dir, err := os.MkdirTemp("", "pc2-keys-") // short: the path of a socket has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{t: t, dir: dir}
	t.Cleanup(func() {
		d.End()
		if err := errors.Join(d.log.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"home", "run"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if d.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	d.env = []string{"HOME=" + filepath.Join(dir, "home"), "XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"), "XDG_DATA_HOME="}
	return d
}

func (d *Daemon) connect(address string) {
	d.t.Helper()
	d.until("the session bus", func() error {
		conn, err := dbus.Connect(address)
		if err == nil {
			d.conn = conn
			d.t.Cleanup(func() { conn.Close() })
		}
		return err
	})
}

// process starts a program that ends with the test, if it has not ended before.
func (d *Daemon) process(name string, args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), d.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(Password), d.log, d.log
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { end(cmd) })
	return cmd
}

func end(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed
}

// Begin starts a keychain with the entries that it had before. Its login
// collection exists and is locked, but for the very first one.
func (d *Daemon) Begin() {
	d.t.Helper()
	args := []string{"--foreground", "--components=secrets"}
	if _, err := os.Stat(filepath.Join(d.dir, "home/.local/share/keyrings/login.keyring")); err != nil {
		args = append(args, "--unlock") // makes it
	}
	d.daemon = d.process("gnome-keyring-daemon", args...)
	d.until("the keychain", func() error {
		var all dbus.Variant
		err := d.conn.Object(secrets, root).Call("org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, api+"Service", "Collections").Store(&all)
		if err == nil && !strings.Contains(fmt.Sprint(all), string(login)) {
			err = fmt.Errorf("no %s in %v", login, all)
		}
		return err
	})
}

// End ends the keychain, as a kill would; its entries stay.
func (d *Daemon) End() {
	if d.daemon != nil {
		end(d.daemon)
		d.daemon = nil
	}
}

// Freeze stops the keychain from answering, until the function that it returns is called.
func (d *Daemon) Freeze() (thaw func()) {
	d.t.Helper()
	send := func(signal string) {
		d.t.Helper()
		d.must(exec.Command("kill", "-"+signal, strconv.Itoa(d.daemon.Process.Pid)).Run())
	}
	send("STOP")
	return func() { send("CONT") }
}

// Env is the environment for a child that is to use this keychain.
func (d *Daemon) Env() []string { return append(os.Environ(), d.env...) }

// Lock locks the login collection.
func (d *Daemon) Lock() {
	d.t.Helper()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	d.must(d.conn.Object(secrets, root).Call(api+"Service.Lock", 0, []dbus.ObjectPath{login}).Store(&locked, &prompt))
	if len(locked) != 1 {
		d.t.Fatalf("not locked: %v %v", locked, prompt)
	}
}

// Unlock gives the daemon the password, as the login of a desktop does.
func (d *Daemon) Unlock() {
	d.t.Helper()
	d.must(d.conn.Object(secrets, root).Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0,
		login, d.secret(Password)).Err)
}

// Entries are the accounts of a service that have an entry.
func (d *Daemon) Entries(service string) []string {
	d.t.Helper()
	accounts := []string{}
	for _, item := range d.find(map[string]string{"service": service}) {
		var attributes map[string]string
		v, err := d.conn.Object(secrets, item).GetProperty(api + "Item.Attributes")
		d.must(err)
		d.must(v.Store(&attributes))
		accounts = append(accounts, attributes["username"])
	}
	return accounts
}

// Put writes an entry, whatever it was before.
func (d *Daemon) Put(service, account, value string) {
	d.t.Helper()
	properties := map[string]dbus.Variant{
		api + "Item.Label":      dbus.MakeVariant("test"),
		api + "Item.Attributes": dbus.MakeVariant(map[string]string{"service": service, "username": account}),
	}
	d.must(d.conn.Object(secrets, login).Call(api+"Collection.CreateItem", 0, properties, d.secret(value), true).Err)
}

// Remove removes an entry.
func (d *Daemon) Remove(service, account string) {
	d.t.Helper()
	items := d.find(map[string]string{"service": service, "username": account})
	if len(items) != 1 {
		d.t.Fatalf("%d entries of %s", len(items), account)
	}
	d.must(d.conn.Object(secrets, items[0]).Call(api+"Item.Delete", 0).Err)
}

func (d *Daemon) find(attributes map[string]string) (items []dbus.ObjectPath) {
	d.t.Helper()
	d.must(d.conn.Object(secrets, login).Call(api+"Collection.SearchItems", 0, attributes).Store(&items))
	return items
}

func (d *Daemon) secret(value string) secret {
	d.t.Helper()
	var out dbus.Variant
	var session dbus.ObjectPath
	d.must(d.conn.Object(secrets, root).Call(api+"Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&out, &session))
	return secret{session, []byte{}, []byte(value), "text/plain"}
}

func (d *Daemon) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("%v\n%s", err, d.said())
	}
}

// said is what the programs have printed.
func (d *Daemon) said() []byte {
	b, err := os.ReadFile(d.log.Name())
	if err != nil {
		return []byte(err.Error())
	}
	return b
}

func (d *Daemon) until(what string, ready func() error) {
	d.t.Helper()
	var err error
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		if err = ready(); err == nil {
			return
		}
	}
	d.t.Fatalf("%s did not come: %v\n%s", what, err, d.said())
}
