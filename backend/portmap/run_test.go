package portmap

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}

// languages are routers of each kind.
var languages = map[string]func(*fakeRouter) *fakeRouter{
	"upnp": (*fakeRouter).withUPnP, "nat-pmp": (*fakeRouter).withNATPMP, "pcp": (*fakeRouter).withPCP,
}

// kept maps a port and keeps it.
func (r *fakeRouter) kept(t *testing.T) (m *Mapping, ended <-chan error, stop func() error) {
	t.Helper()
	m, err := r.client(Config{Check: 20 * time.Millisecond}).Map(t.Context(), 4433)
	if err != nil {
		t.Fatal(err)
	}
	ended, stop = run(t, m)
	return m, ended, stop
}

func TestForgottenAndSetUpAgain(t *testing.T) {
	t.Parallel()
	for name, with := range languages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := with(newRouter(t))
			_, _, stop := r.kept(t)
			for range 2 {
				r.with(func(r *fakeRouter) { clear(r.entries) })
				eventually(t, "mapped again", func() bool { return r.mapped()[4433].client == "127.0.0.1" })
			}
			if err := stop(); err != nil || len(r.mapped()) != 0 {
				t.Errorf("%v: %v", err, r.mapped())
			}
		})
	}
}

func TestTaken(t *testing.T) {
	t.Parallel()
	for name, with := range languages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := with(newRouter(t))
			_, ended, _ := r.kept(t)
			r.with(func(r *fakeRouter) { r.entries[4433] = entry{client: other, port: 80} })
			if err := wait(t, ended); !errors.Is(err, ErrLost) {
				t.Error(err)
			}
			if e := r.mapped(); len(e) != 1 || e[4433].client != other {
				t.Errorf("router has %v", e)
			}
		})
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	for name, with := range languages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := with(newRouter(t))
			m, ended, _ := r.kept(t)
			r.with(func(r *fakeRouter) { r.external = "9.9.9.9" })
			if err := wait(t, ended); !errors.Is(err, ErrMoved) || !errors.Is(err, ErrLost) {
				t.Error(err)
			}
			if m.External() != netip.MustParseAddrPort("9.9.9.9:4433") {
				t.Errorf("at %v", m.External())
			}
			if e := r.mapped(); len(e) != 0 {
				t.Errorf("left behind: %v", e)
			}
		})
	}
}

func TestTurnedOff(t *testing.T) {
	t.Parallel()
	r := newRouter(t).withUPnP()
	_, ended, _ := r.kept(t)
	r.upnp.CloseClientConnections()
	r.upnp.Listener.Close()
	if err := wait(t, ended); !errors.Is(err, ErrLost) || errors.Is(err, ErrTaken) {
		t.Error(err)
	}
}

func TestRefusedLater(t *testing.T) {
	t.Parallel()
	r := newRouter(t).withUPnP()
	_, ended, _ := r.kept(t)
	r.with(func(r *fakeRouter) {
		clear(r.entries)
		r.answer = func(action string, _ map[string]string) (int, bool) { return 501, action == "AddPortMapping" }
	})
	if err := wait(t, ended); !errors.Is(err, ErrLost) || !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

// A router may give a shorter lease than it was asked for, and tell only later.
func TestShorterLease(t *testing.T) {
	t.Parallel()
	r := newRouter(t).withUPnP().with(func(r *fakeRouter) {
		r.answer = func(action string, args map[string]string) (int, bool) {
			if action == "AddPortMapping" {
				args["NewLeaseDuration"] = "2"
			}
			return 0, false
		}
	})
	_, _, stop := r.kept(t)
	eventually(t, "renewed", func() bool { return r.calls.count("AddPortMapping") >= 2 })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// diary is an offer that notes when it was asked, and answers what it is told to.
type diary struct {
	mu     sync.Mutex
	start  time.Time
	looked []time.Duration
	due    []time.Duration
	gone   []time.Duration
	answer func(g grant) (grant, error)
}

func (d *diary) method() Method              { return UPnP }
func (d *diary) promise() (netip.Addr, bool) { return netip.Addr{}, false }
func (d *diary) add(context.Context, ask) (grant, error) {
	return grant{}, errors.New("not asked for here")
}

func (d *diary) keep(_ context.Context, a ask, g grant, due bool) (grant, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looked = append(d.looked, time.Since(d.start))
	if due {
		d.due = append(d.due, time.Since(d.start))
		g.at = time.Now()
	}
	if d.answer != nil {
		return d.answer(g)
	}
	return g, nil
}

func (d *diary) remove(context.Context, ask, grant) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = append(d.gone, time.Since(d.start))
	return nil
}

// kept runs a mapping for some time, and returns what Run returned.
func (d *diary) kept(t *testing.T, lease, runs time.Duration) error {
	d.start = time.Now()
	c := New(Config{Check: time.Minute})
	g := grant{external: netip.MustParseAddrPort("8.8.4.4:4433"), lease: lease, at: time.Now()}
	ctx, cancel := context.WithTimeout(t.Context(), runs)
	defer cancel()
	return newMapping(c, netip.MustParseAddr("192.168.1.1"), d, ask{port: 4433}, g).Run(ctx)
}

func TestTimesOfRun(t *testing.T) {
	const m = time.Minute
	same := func(got []time.Duration, want ...time.Duration) bool { return slices.Equal(got, want) }
	t.Run("renews at half time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{}
			err := d.kept(t, 5*m, 6*m+time.Second)
			if err != nil || !same(d.due, 5*m/2, 5*m) || !same(d.looked, m, 2*m, 5*m/2, 7*m/2, 9*m/2, 5*m, 6*m) || !same(d.gone, 6*m+time.Second) {
				t.Errorf("%v, due %v, looked %v, gone %v", err, d.due, d.looked, d.gone)
			}
		})
	})
	t.Run("looks at one without end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{}
			if err := d.kept(t, 0, 3*m+time.Second); err != nil || len(d.due) != 0 || !same(d.looked, m, 2*m, 3*m) {
				t.Errorf("%v, due %v, looked %v", err, d.due, d.looked)
			}
		})
	})
	t.Run("a lease of nothing does not make it hurry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{}
			if err := d.kept(t, 1, 10*time.Second+1); err != nil || len(d.looked) != 10 {
				t.Errorf("%v, looked %v", err, d.looked)
			}
		})
	})
	t.Run("three failures in a row", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n, silent := 0, errors.New("silence")
			d := &diary{}
			d.answer = func(g grant) (grant, error) {
				if n++; n == 3 { // two, and then it is there again
					return g, nil
				}
				return grant{}, silent
			}
			err := d.kept(t, 60*m, 60*m)
			const s = time.Second
			if !errors.Is(err, ErrLost) || !errors.Is(err, silent) || !same(d.looked, m, m+2*s, m+4*s, 2*m+4*s, 2*m+6*s, 2*m+8*s) || len(d.gone) != 1 {
				t.Errorf("%v, looked %v, gone %v", err, d.looked, d.gone)
			}
		})
	})
	t.Run("a line that is down may come back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			d := &diary{}
			d.answer = func(g grant) (grant, error) {
				if n++; n == 1 {
					return grant{}, errDown
				}
				return g, nil
			}
			if err := d.kept(t, 60*m, 2*m); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := netip.MustParseAddr("192.168.1.1")
		var mu sync.Mutex
		c := New(Config{Gateway: func() (netip.Addr, netip.Addr, error) {
			mu.Lock()
			defer mu.Unlock()
			return gw, netip.MustParseAddr("192.168.1.2"), nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		changed := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Watch(ctx, func() { changed++ })
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if changed != 0 {
			t.Errorf("changed %d times, and nothing had", changed)
		}
		mu.Lock()
		gw = netip.MustParseAddr("192.168.178.1")
		mu.Unlock()
		time.Sleep(time.Minute)
		cancel()
		<-done
		if changed != 1 {
			t.Errorf("changed %d times", changed)
		}
	})
}

// A PC that slept is like one whose programs stood still.
func TestWatchWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var still atomic.Int64
		c := New(Config{Gateway: func() (a, b netip.Addr, err error) {
			time.Sleep(time.Duration(still.Swap(0)))
			return a, b, errNoGateway
		}})
		ctx, cancel := context.WithCancel(t.Context())
		changed := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Watch(ctx, func() { changed++; cancel() })
		}()
		time.Sleep(12 * time.Second)
		synctest.Wait()
		still.Store(int64(time.Hour))
		<-done
		if changed != 1 {
			t.Errorf("changed %d times", changed)
		}
	})
}
