package portmap

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

const other = "192.168.77.99" // another computer behind the router

func TestConflicts(t *testing.T) {
	t.Parallel()
	const port = 4433
	second := candidates(ask{port: port, want: port}, netip.MustParseAddr("127.0.0.1"))[1]
	busy := func(r *fakeRouter) { r.entries[port] = entry{client: other, port: 80} }
	for _, c := range []struct {
		name  string
		odd   func(*fakeRouter)
		want  uint16
		lease int
	}{
		{"the port is free", func(*fakeRouter) {}, port, 3600},
		{"the port is another computer's", busy, second, 3600},
		{"a router that would overwrite", func(r *fakeRouter) {
			busy(r)
			r.answer = func(action string, args map[string]string) (int, bool) {
				if action == "AddPortMapping" && args["NewExternalPort"] == fmt.Sprint(port) {
					delete(r.entries, port)
				}
				return 0, false
			}
		}, second, 3600},
		{"a router that does not show the others", func(r *fakeRouter) {
			busy(r)
			r.answer = func(action string, args map[string]string) (int, bool) {
				return 402, action == "GetSpecificPortMappingEntry" || action == "GetGenericPortMappingEntry"
			}
		}, second, 3600},
		{"only leases without end", func(r *fakeRouter) {
			r.answer = func(action string, args map[string]string) (int, bool) {
				return codeOnlyPermanent, action == "AddPortMapping" && args["NewLeaseDuration"] != "0"
			}
		}, port, 0},
		{"this PC's port only", func(r *fakeRouter) {
			r.entries[20001] = entry{client: other, port: 80}
			r.answer = func(action string, args map[string]string) (int, bool) {
				return codeSamePort, action == "AddPortMapping" && args["NewExternalPort"] != args["NewInternalPort"]
			}
		}, port, 3600},
		{"all of ours taken, and igd 2", func(r *fakeRouter) {
			r.version = 2
			for _, p := range candidates(ask{port: port, want: port}, netip.MustParseAddr("127.0.0.1")) {
				r.entries[int(p)] = entry{client: other, port: 80}
			}
		}, port + 1, 3600},
		{"one left by an earlier run", func(r *fakeRouter) {
			r.entries[5555] = entry{client: "127.0.0.1", port: port, lease: 10, comment: "PC2"}
			r.entries[5556] = entry{client: other, port: port}
		}, 5555, 3600},
		{"a list without end", func(r *fakeRouter) {
			for i := range 3000 {
				r.entries[1+i] = entry{client: other, port: port}
			}
		}, port, 3600},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRouter(t).with(c.odd).withUPnP()
			before := r.mapped()
			m, err := r.client(Config{}).Map(t.Context(), port)
			if err != nil {
				t.Fatal(err)
			}
			got := r.mapped()
			if e := got[int(c.want)]; m.External().Port() != c.want || e.client != "127.0.0.1" || e.port != port || e.lease != c.lease {
				t.Errorf("got %v, the router has %+v", m.External(), e)
			}
			for p, e := range before {
				if e.client == other && got[p] != e {
					t.Errorf("another computer's port %d is now %+v", p, got[p])
				}
			}
			_, stop := run(t, m)
			if err := stop(); err != nil {
				t.Error(err)
			}
			for p, e := range r.mapped() {
				if e.client != other {
					t.Errorf("left behind: %d %+v", p, e)
				}
			}
		})
	}
}

// Below 1024 IGD 2 gives nothing to programs that did not sign in.
func TestLowPort(t *testing.T) {
	t.Parallel()
	r := newRouter(t).withUPnP().with(func(r *fakeRouter) {
		r.answer = func(action string, args map[string]string) (int, bool) {
			return codeNotAuthorized, action == "AddPortMapping" && len(args["NewExternalPort"]) < 4
		}
	})
	m, err := r.client(Config{}).Map(t.Context(), 443)
	if err != nil || m.External().Port() < 1024 {
		t.Fatalf("got %v, %v", m, err)
	}
}

func TestDoubleNAT(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		external string
		private  bool
	}{
		{"8.8.4.4", false},
		{"192.168.1.7", true},
		{"100.64.3.4", true},
		{"0.0.0.0", false}, // it does not know
		{"", false},
		{"fe80::1", false},
		{"a lie", false},
	} {
		for _, language := range []struct {
			name string
			with func(*fakeRouter) *fakeRouter
		}{{"upnp", (*fakeRouter).withUPnP}, {"nat-pmp", (*fakeRouter).withNATPMP}, {"pcp", (*fakeRouter).withPCP}} {
			if a, err := netip.ParseAddr(c.external); language.name != "upnp" && (err != nil || !a.Is4() || a.IsUnspecified()) {
				continue // cannot be said in that language, or is no grant
			}
			t.Run(c.external+" "+language.name, func(t *testing.T) {
				t.Parallel()
				r := language.with(newRouter(t).with(func(r *fakeRouter) { r.external = c.external }))
				m, err := r.client(Config{}).Map(t.Context(), 4433)
				if err != nil {
					t.Fatal(err)
				}
				if m.Private() != c.private {
					t.Errorf("%v: private %v", m.External(), m.Private())
				}
				if e := r.mapped(); len(e) != 1 {
					t.Errorf("router has %v", e)
				}
			})
		}
	}
	t.Run("and refused", func(t *testing.T) {
		t.Parallel()
		r := newRouter(t).withUPnP().with(func(r *fakeRouter) {
			r.external = "0.0.0.0"
			r.answer = func(action string, _ map[string]string) (int, bool) { return 501, action == "AddPortMapping" }
		})
		if _, err := r.client(Config{}).Map(t.Context(), 4433); !errors.Is(err, ErrBehind) || !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
	})
}

// A crash leaves the mapping with the router; the next run finds it.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		with func(*fakeRouter) *fakeRouter
	}{{"upnp", (*fakeRouter).withUPnP}, {"nat-pmp", (*fakeRouter).withNATPMP}, {"pcp", (*fakeRouter).withPCP}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := c.with(newRouter(t).with(func(r *fakeRouter) { r.entries[4433] = entry{client: other, port: 1} }))
			cfg := Config{Seed: []byte("the same as before")}
			first, err := r.client(cfg).Map(t.Context(), 4433)
			if err != nil {
				t.Fatal(err)
			}
			r.with(func(r *fakeRouter) { delete(r.entries, 4433) }) // what it wants is free meanwhile
			second, err := r.client(cfg).Map(t.Context(), 4433)
			if err != nil {
				t.Fatal(err)
			}
			if first.External() != second.External() || len(r.mapped()) != 1 {
				t.Errorf("%v and %v: %v", first.External(), second.External(), r.mapped())
			}
		})
	}
	t.Run("pcp with another seed", func(t *testing.T) {
		t.Parallel()
		r := newRouter(t).withPCP()
		if _, err := r.client(Config{}).Map(t.Context(), 4433); err != nil {
			t.Fatal(err)
		}
		// The mapping is a stranger's now; NAT-PMP beside it knows no secret.
		m, err := r.client(Config{}).Map(t.Context(), 4433)
		if err != nil || m.Method() != NATPMP || len(r.mapped()) != 1 {
			t.Errorf("got %v, %v: %v", m, err, r.mapped())
		}
	})
}

// Whoever gives up while the router is slow leaves nothing behind.
func TestGivenUpWhileAdding(t *testing.T) {
	t.Parallel()
	r := newRouter(t).withUPnP()
	adding, cancelled := make(chan struct{}), make(chan struct{})
	r.with(func(r *fakeRouter) {
		r.answer = func(action string, args map[string]string) (int, bool) {
			if action == "AddPortMapping" {
				close(adding)
				<-cancelled
			}
			return 0, false
		}
	})
	ctx, cancel := contextWithCancel(t)
	go func() {
		<-adding
		cancel()
		time.AfterFunc(100*time.Millisecond, func() { close(cancelled) })
	}()
	if _, err := r.client(Config{}).Map(ctx, 4433); !errors.Is(err, ctx.Err()) {
		t.Error(err)
	}
	eventually(t, "the port is given back", func() bool {
		return r.calls.count("DeletePortMapping") == 1 && len(r.mapped()) == 0
	})
}
