package portmap

import (
	"context"
	"errors"
	"flag"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Tests wait for routers most of the time: more of them at once than CPUs.
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestMap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		router func(*fakeRouter) *fakeRouter
		method Method
	}{
		{"igd 1", (*fakeRouter).withUPnP, UPnP},
		{"igd 2", func(r *fakeRouter) *fakeRouter { r.version = 2; return r.withUPnP() }, UPnP},
		{"nat-pmp", (*fakeRouter).withNATPMP, NATPMP},
		{"pcp", (*fakeRouter).withPCP, PCP},
		{"all", func(r *fakeRouter) *fakeRouter { return r.withPCP().withUPnP() }, UPnP},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := c.router(newRouter(t))
			m, err := r.client(Config{}).Map(t.Context(), 4433)
			if err != nil {
				t.Fatal(err)
			}
			if want := netip.MustParseAddrPort("8.8.4.4:4433"); m.External() != want || m.Method() != c.method || m.Private() {
				t.Errorf("got %v by %v, private %v", m.External(), m.Method(), m.Private())
			}
			if e := r.mapped(); len(e) != 1 || e[4433].client != "127.0.0.1" || e[4433].port != 4433 || e[4433].lease != 3600 {
				t.Errorf("router has %v", e)
			}
			_, stop := run(t, m)
			if err := stop(); err != nil {
				t.Errorf("Run: %v", err)
			}
			if e := r.mapped(); len(e) != 0 {
				t.Errorf("left behind: %v", e)
			}
		})
	}
}

func TestNoRouter(t *testing.T) {
	t.Parallel()
	t.Run("no gateway", func(t *testing.T) {
		c := New(Config{Gateway: func() (a, b netip.Addr, err error) { return a, b, errNoGateway }})
		if _, err := c.Map(t.Context(), 1); !errors.Is(err, ErrNone) || !errors.Is(err, errNoGateway) {
			t.Error(err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		if _, err := newRouter(t).client(Config{}).Map(t.Context(), 1); !errors.Is(err, ErrNone) {
			t.Error(err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		r := newRouter(t)
		r.listenUDP(pmpPort) // hears and says nothing
		if _, err := r.client(Config{}).Map(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
