package keychain

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/keychain/keychaintest"
)

// The library keeps its connection to the bus for good.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.(*Conn).inWorker"))
}

func get(t *testing.T, k *Keychain, account, want string, fault error) {
	t.Helper()
	got, err := k.Get(t.Context(), account)
	if got != want || !errors.Is(err, fault) {
		t.Fatalf("%s: %q %v, want %q %v", account, got, err, want, fault)
	}
}

func TestEntries(t *testing.T) {
	d, k := keychaintest.Start(t), New()
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	get(t, k, "a", "", ErrMissing)
	for account, s := range map[string]string{"a": "one", "b": "two"} {
		if err := k.Set(t.Context(), account, s); err != nil {
			t.Fatal(err)
		}
	}
	get(t, k, "a", "one", nil)
	get(t, k, "b", "two", nil)
	if err := k.Set(t.Context(), "a", "three"); err != nil {
		t.Fatal(err)
	}
	get(t, k, "a", "three", nil)
	if all := d.Entries("PC2"); len(all) != 2 {
		t.Fatal(all)
	}
	d.Remove("PC2", "a")
	get(t, k, "a", "", ErrMissing)
	d.End()
	if err := k.Open(t.Context()); !errors.Is(err, ErrNone) {
		t.Fatal(err)
	}
	get(t, k, "b", "", ErrNone)
	d.Begin() // as after the next login, before the password
	get(t, k, "b", "", ErrLocked)
	d.Unlock()
	get(t, k, "b", "two", nil)
}

func TestLocked(t *testing.T) {
	d, k := keychaintest.Start(t), New()
	if err := k.Set(t.Context(), "a", "one"); err != nil {
		t.Fatal(err)
	}
	d.Lock()
	if err := k.Open(t.Context()); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	if err := k.Set(t.Context(), "a", "two"); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	get(t, k, "a", "", ErrLocked)

	// Nobody answers the question here; it is opened in another way.
	ctx, cancel := context.WithTimeout(t.Context(), 2*again)
	defer cancel()
	if err := k.Unlock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() { opened <- k.Unlock(t.Context()) }()
	d.Unlock()
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	get(t, k, "a", "one", nil)
}

// A keychain that hangs is waited for once, and then works again.
func TestHangs(t *testing.T) {
	d, k := keychaintest.Start(t), New()
	if err := k.Set(t.Context(), "a", "one"); err != nil {
		t.Fatal(err)
	}
	thaw := d.Freeze()
	get(t, k, "a", "", ErrLocked)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := k.Unlock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	thaw()
	get(t, k, "a", "one", nil)
}

// Without a session bus there is no keychain, and none is started.
func TestNoBus(t *testing.T) {
	for name, address := range map[string]string{"gone": "unix:path=" + t.TempDir() + "/none", "nonsense": "what:ever", "empty": "unix:"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			k := New()
			if err := k.Open(t.Context()); !errors.Is(err, ErrNone) {
				t.Fatal(err)
			}
			get(t, k, "a", "", ErrNone)
			if err := k.Set(t.Context(), "a", "b"); !errors.Is(err, ErrNone) {
				t.Fatal(err)
			}
		})
	}
}

// A session bus that takes connections and says nothing.
func TestSilentBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	k := New()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := k.Unlock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	get(t, k, "a", "", ErrLocked)
}

// A bus on which nothing keeps secrets.
func TestNoSecretService(t *testing.T) {
	keychaintest.Bus(t)
	k := New()
	if err := k.Open(t.Context()); !errors.Is(err, ErrNone) {
		t.Fatal(err)
	}
	get(t, k, "a", "", ErrNone)
}

func TestAnotherProgramHasTheTurn(t *testing.T) {
	k := New()
	k.turn <- struct{}{}
	begin := time.Now()
	get(t, k, "a", "", ErrLocked)
	if time.Since(begin) < limit || !strings.Contains(ErrLocked.Error(), "locked") {
		t.Fatal("it did not wait for its turn")
	}
}
