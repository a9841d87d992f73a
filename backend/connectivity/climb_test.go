package connectivity_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pc2/backend/boson"
	"pc2/backend/connectivity"
	"pc2/backend/doorway"
	"pc2/backend/event"
	"pc2/backend/names"
)

// listen opens the public listener of a node at ip, until shut is called.
func listen(t *testing.T, ip string, k boson.Key, supers ...boson.ID) (port uint16, shut func()) {
	t.Helper()
	inner, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := doorway.Listen(inner, doorway.Config{Key: k, Supers: supers})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	})
	shut = sync.OnceFunc(func() { l.Close(); serving.Wait() })
	t.Cleanup(shut)
	return uint16(inner.Addr().(*net.TCPAddr).Port), shut
}

// router stands between the super node, which knows 127.0.0.1, and the node's
// listener at 127.0.0.2: what it maps, it carries there.
type router struct {
	t       *testing.T
	private bool
	lies    bool // nothing is carried
	maps    atomic.Int64
	back    atomic.Int64 // ports that were given back
	last    atomic.Pointer[carried]
}

// carried is one mapped port.
type carried struct {
	l    net.Listener
	lost chan error
	r    *router
	also atomic.Pointer[netip.AddrPort] // where it says that it is, in place of l's
	ends sync.Once
}

func (r *router) Map(ctx context.Context, port uint16) (connectivity.Mapping, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &carried{l: l, lost: make(chan error, 1), r: r}
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port).String()
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			if r.lies {
				in.Close()
				continue
			}
			carrying.Go(func() { pipe(in, to) })
		}
	})
	r.t.Cleanup(func() { c.end(); carrying.Wait() })
	r.maps.Add(1)
	r.last.Store(c)
	return c, nil
}

func pipe(in net.Conn, to string) {
	defer in.Close()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	var both sync.WaitGroup
	both.Go(func() { io.Copy(out, in); out.Close() })
	both.Go(func() { io.Copy(in, out); in.Close() })
	both.Wait()
}

func (c *carried) end()           { c.ends.Do(func() { c.l.Close() }) }
func (c *carried) Method() string { return "upnp" }
func (c *carried) Private() bool  { return c.r.private }
func (c *carried) External() netip.AddrPort {
	if a := c.also.Load(); a != nil {
		return *a
	}
	return netip.MustParseAddrPort(c.l.Addr().String())
}

func (c *carried) Run(ctx context.Context) error {
	defer c.end()
	select {
	case err := <-c.lost:
		return err
	case <-ctx.Done():
		c.r.back.Add(1)
		return nil
	}
}

func is(path connectivity.Path, l *connectivity.Ladder) func() bool {
	return func() bool { return l.State().Path == path }
}

func TestDirect(t *testing.T) {
	s, bus := newSuper(t, 40), event.New()
	changes := event.Subscribe[connectivity.Changed](bus, 100)
	port, shut := listen(t, "127.0.0.1", key(80), s.id)
	r := &router{t: t}
	l, stop := climb(t, connectivity.Config{Key: key(80), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Bus: bus, Public: port, Map: r.Map})
	until(t, "direct", is(connectivity.Direct, l))
	st := l.State()
	if st.Sentence != "Reachable directly." || st.Port != port || st.Relay != s.proxy || st.Hint != "" || st.Way != "" || r.maps.Load() != 0 {
		t.Fatalf("%+v", st)
	}
	// The relay is kept warm below it.
	rec := s.has(t, "alice")
	if rec == nil {
		t.Fatal("no name")
	}
	if _, ok := s.relay.Device(rec.Device); !ok {
		t.Fatal("no relay session below the better rung")
	}
	shut()
	l.Reconnect()
	until(t, "mapped, or by the relay", func() bool { return l.State().Path != connectivity.Direct })
	stop()
	changes.Close()
	var path []connectivity.Path
	for c := range changes.C() {
		if n := len(path); n == 0 || path[n-1] != c.Path {
			path = append(path, c.Path)
		}
	}
	if len(path) < 4 || path[0] != connectivity.Offline || path[1] != connectivity.Relay || path[2] != connectivity.Direct || path[len(path)-1] != connectivity.Offline {
		t.Fatal("events", path)
	}
}

func TestMapped(t *testing.T) {
	s := newSuper(t, 41)
	port, _ := listen(t, "127.0.0.2", key(81), s.id)
	r := &router{t: t}
	l, stop := climb(t, connectivity.Config{Key: key(81), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Public: port, Map: r.Map})
	until(t, "mapped", is(connectivity.Mapped, l))
	st := l.State()
	if st.Sentence != "Reachable through your router." || st.Way != "upnp" || st.Port != r.last.Load().External().Port() || st.Hint != "" {
		t.Fatalf("%+v", st)
	}
	first := r.last.Load()
	first.lost <- errors.New("the router was switched off")
	until(t, "another port", func() bool { return r.maps.Load() == 2 && l.State().Path == connectivity.Mapped })
	if now := l.State().Port; now != r.last.Load().External().Port() || now == st.Port {
		t.Fatal(now)
	}
	// In another network the port is asked for again, and the old one given back.
	before := r.back.Load()
	l.Moved()
	until(t, "mapped in the other network", func() bool {
		return r.maps.Load() == 3 && r.back.Load() == before+1 && l.State().Port == r.last.Load().External().Port()
	})
	stop()
	if r.back.Load() != before+2 {
		t.Fatal("the port is not given back at the end")
	}
}

// When the router has another address, connections through the old one are dead:
// the relay session is not waited for.
func TestRenumberedRouterEndsTheSession(t *testing.T) {
	s := newSuper(t, 52)
	port, _ := listen(t, "127.0.0.2", key(91), s.id)
	r := &router{t: t}
	l, _ := climb(t, connectivity.Config{Key: key(91), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Public: port, Map: r.Map})
	until(t, "mapped", is(connectivity.Mapped, l))
	device := s.has(t, "alice").Device
	before, _ := s.relay.Device(device)
	r.last.Load().lost <- errors.New("another port, the address is the same")
	until(t, "mapped again", func() bool { return r.maps.Load() == 2 && l.State().Path == connectivity.Mapped })
	if now, ok := s.relay.Device(device); !ok || now.Since != before.Since {
		t.Fatal("the session was ended for a port")
	}
	elsewhere := netip.MustParseAddrPort("127.0.0.3:4000")
	r.last.Load().also.Store(&elsewhere)
	r.last.Load().lost <- errors.New("another address")
	until(t, "another session, and mapped", func() bool {
		now, ok := s.relay.Device(device)
		return ok && now.Since != before.Since && r.maps.Load() == 3 && l.State().Path == connectivity.Mapped
	})
}

// What the router says is believed when the super node has come that way.
func TestRouterThatLies(t *testing.T) {
	for what, c := range map[string]struct {
		router *router
		hint   string
	}{
		"nothing arrives":           {&router{lies: true}, "firewall"},
		"behind another router":     {&router{lies: true, private: true}, "behind another router"},
		"which passes all on to it": {&router{private: true}, ""},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSuper(t, 42)
			c.router.t = t
			port, _ := listen(t, "127.0.0.2", key(82), s.id)
			l, _ := climb(t, connectivity.Config{Key: key(82), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Public: port, Map: c.router.Map})
			if c.hint == "" {
				until(t, "mapped", is(connectivity.Mapped, l))
				return
			}
			until(t, "a hint", func() bool {
				st := l.State()
				return st.Path == connectivity.Relay && strings.Contains(st.Hint, c.hint)
			})
			until(t, "another try", func() bool { return c.router.maps.Load() > 1 })
			if n := c.router.maps.Load() - c.router.back.Load(); n > 1 {
				t.Fatalf("%d useless ports are kept", n)
			}
		})
	}
}

func TestRouterThatRefuses(t *testing.T) {
	s := newSuper(t, 43)
	port, _ := listen(t, "127.0.0.2", key(83), s.id)
	var asked atomic.Int64
	l, _ := climb(t, connectivity.Config{Key: key(83), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Public: port, Map: func(context.Context, uint16) (connectivity.Mapping, error) {
		asked.Add(1)
		return nil, errors.New("no")
	}})
	until(t, "a hint", func() bool {
		st := l.State()
		return st.Path == connectivity.Relay && strings.Contains(st.Hint, "opens no way in")
	})
	until(t, "asked again", func() bool { return asked.Load() > 2 })
}

func TestRouterIsNotAsked(t *testing.T) {
	s := newSuper(t, 44)
	port, _ := listen(t, "127.0.0.2", key(84), s.id)
	l, _ := climb(t, connectivity.Config{Key: key(84), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Public: port})
	until(t, "a hint", func() bool {
		st := l.State()
		return st.Path == connectivity.Relay && strings.Contains(st.Hint, "configuration")
	})
}

// A router that hangs delays neither the relay nor the end.
func TestRouterThatHangs(t *testing.T) {
	s := newSuper(t, 45)
	port, _ := listen(t, "127.0.0.2", key(85), s.id)
	asked := make(chan struct{})
	l, stop := climb(t, connectivity.Config{Key: key(85), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Public: port, Map: func(ctx context.Context, _ uint16) (connectivity.Mapping, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	<-l.Tried()
	if st := l.State(); st.Path != connectivity.Relay {
		t.Fatalf("%+v", st)
	}
	select {
	case <-asked:
	case <-time.After(30 * time.Second):
		t.Fatal("the router is not asked")
	}
	stop()
}

// A super node that was restarted knows no proof, so there has to be another.
func TestProofIsOfASession(t *testing.T) {
	a, b := newSuper(t, 46), newSuper(t, 47)
	port, _ := listen(t, "127.0.0.1", key(86), a.id, b.id)
	l, _ := climb(t, connectivity.Config{Key: key(86), SuperNodes: []connectivity.SuperNode{a.config(), b.config()}, Want: "alice", DB: database(t), Public: port})
	until(t, "direct", is(connectivity.Direct, l))
	if b.asked.Load() != 0 {
		t.Fatal("the second was asked")
	}
	b.mute.Store(true) // it does not dial back
	a.down()
	until(t, "by the relay of the second", func() bool { st := l.State(); return st.Path == connectivity.Relay && st.SuperNode == b.id })
	b.mute.Store(false)
	l.Reconnect()
	until(t, "direct for the second", func() bool { return l.State().Path == connectivity.Direct && b.asked.Load() > 0 })
}

// A visitor who comes through the relay although there is a better way is a sign
// that it fails.
func TestVisitorThroughTheRelayRaisesDoubt(t *testing.T) {
	s := newSuper(t, 48)
	port, shut := listen(t, "127.0.0.1", key(87), s.id)
	l, _ := climb(t, connectivity.Config{Key: key(87), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Public: port})
	until(t, "direct", is(connectivity.Direct, l))
	shut()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	c, err := s.relay.DialDevice(t.Context(), s.has(t, "alice").Device)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	until(t, "by the relay", is(connectivity.Relay, l))
}

// When the PC woke or came to another network, a session that was silent meanwhile
// is not waited for; one that was heard a moment ago goes on.
func TestMoved(t *testing.T) {
	for what, quiet := range map[string]time.Duration{"heard": time.Hour, "silent": -time.Second} {
		t.Run(what, func(t *testing.T) {
			s := newSuper(t, 49)
			watching := make(chan func(), 1)
			l := connectivity.New(connectivity.Config{Key: key(88), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Watch: func(ctx context.Context, f func()) {
				watching <- f
				<-ctx.Done()
			}})
			connectivity.Quiet(l, quiet)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- l.Run(ctx) }()
			defer func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			moved := <-watching
			until(t, "online", is(connectivity.Relay, l))
			since := l.State().Since
			moved()
			if quiet < 0 {
				until(t, "another session", func() bool { st := l.State(); return st.Path == connectivity.Relay && st.Since != since })
			} else if st := l.State(); st.Path != connectivity.Relay || st.Since != since {
				t.Fatalf("%+v", st)
			}
		})
	}
}

// A super node that does not dial back leaves the node where it is.
func TestSuperNodeWithoutReach(t *testing.T) {
	for what, answer := range map[string]http.HandlerFunc{
		"unknown":        http.NotFound,
		"refused":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"limited":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"broken":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":        func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"another answer": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"reached":"yes"}`) },
		"no answer":      func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"success":true}`) },
		"endless":        func(w http.ResponseWriter, _ *http.Request) { pour(w) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newSuper(t, 50)
			var asked atomic.Int64
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/api/reach":
					asked.Add(1)
					answer(w, r)
				case "/elsewhere":
					io.WriteString(w, `{"reached":true}`)
				default:
					s.serve(w, r)
				}
			}))
			defer web.Close()
			port, _ := listen(t, "127.0.0.1", key(89), s.id)
			sn := s.config()
			sn.Gateway = web.URL
			l, stop := climb(t, connectivity.Config{Key: key(89), SuperNodes: []connectivity.SuperNode{sn}, Want: "alice", DB: database(t), Public: port})
			until(t, "asked", func() bool { return asked.Load() > 0 })
			until(t, "by the relay", is(connectivity.Relay, l))
			stop()
		})
	}
}

// The port of a name that is changed stays proved: proofs are of nodes.
func TestRenameKeepsTheRung(t *testing.T) {
	s := newSuper(t, 51)
	port, _ := listen(t, "127.0.0.1", key(90), s.id)
	l, _ := climb(t, connectivity.Config{Key: key(90), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t), Public: port})
	until(t, "direct", is(connectivity.Direct, l))
	bob, _ := names.Parse("bob")
	if st, err := l.Register(t.Context(), bob); err != nil || st.Path != connectivity.Direct || st.Name != "bob" {
		t.Fatalf("%+v %v", st, err)
	}
}

func FuzzReached(f *testing.F) {
	f.Add(200, []byte(`{"success":true,"reached":true}`))
	f.Add(200, []byte(`{"reached":1}`))
	f.Add(403, []byte(`{"code":"x"}`))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		got, err := connectivity.ReadReached(&http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(string(body)))})
		if got && (err != nil || code != 200 || !strings.Contains(strings.ToLower(string(body)), "reached") && !strings.Contains(string(body), `\u`)) {
			t.Fatalf("%d %q is a yes, %v", code, body, err)
		}
	})
}
