package connectivity_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/boson"
	"pc2/backend/boson/activeproxy"
	"pc2/backend/connectivity"
	"pc2/backend/doorway"
	"pc2/backend/event"
	"pc2/backend/fault"
	"pc2/backend/names"
	"pc2/backend/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(n byte) boson.Key { return boson.KeyFromSeed(boson.Seed{n, 7}) }

// super is a super node: the real registry and the real relay, and a register
// route as the gateway has it.
type super struct {
	id       boson.ID
	registry *names.Registry
	relay    *activeproxy.Server
	url      string
	proxy    string
	down     func() // once
	dialler  *doorway.Dialer
	asked    atomic.Int64 // dial-backs
	mute     atomic.Bool  // none are made
}

func newSuper(t *testing.T, n byte) *super {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "names.db"), Schema: names.Migrations()})
	check(err)
	s := &super{id: key(n).ID(), dialler: doorway.NewDialer(key(n))}
	s.registry = names.NewRegistry(names.Config{Store: names.NewSQLite(db), Self: s.id})
	s.relay, err = activeproxy.NewServer(activeproxy.ServerConfig{Key: key(n), Host: "127.0.0.1", Bind: "127.0.0.1", Authorize: func(device, _ boson.ID) error {
		ok, err := s.registry.Admits(context.Background(), device)
		if err == nil && !ok {
			err = io.EOF
		}
		return err
	}})
	check(err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	s.url, s.proxy = "http://"+web.Addr().String(), relay.Addr().String()
	srv := &http.Server{Handler: http.HandlerFunc(s.serve)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go srv.Serve(web)
	go func() { ended <- s.relay.Run(ctx, relay) }()
	closed := false
	s.down = func() {
		if closed {
			return
		}
		closed = true
		cancel()
		srv.Close()
		<-ended
	}
	t.Cleanup(func() { s.down(); db.Close() })
	return s
}

func netAddr(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() }

func (s *super) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if r.URL.Path == "/api/health" {
		return
	}
	if err == nil && r.URL.Path == "/api/reach" && !s.mute.Load() {
		s.reach(w, r, body)
		return
	}
	if err != nil || r.URL.Path != "/api/register" {
		http.NotFound(w, r)
		return
	}
	rec, err := s.registry.Apply(r.Context(), body, netAddr(r))
	f := fault.As(err)
	switch {
	case err == nil:
		io.WriteString(w, `{"success":true,"url":"http://`+rec.Name.String()+`.test"}`)
	case f != nil && f.Kind == fault.Conflict:
		w.WriteHeader(http.StatusConflict)
		seq, _ := f.Fields["seq"].(int64)
		fmt.Fprintf(w, `{"code":%q,"message":"no","seq":%d}`, f.Code, seq)
	default:
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"code":"name_invalid","message":"no"}`)
	}
}

// reach dials back as the gateway does, without its limits.
func (s *super) reach(w http.ResponseWriter, r *http.Request, body []byte) {
	s.asked.Add(1)
	wish, err := s.registry.Reach(r.Context(), body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	c, err := s.dialler.Dial(ctx, wish.Node, netip.AddrPortFrom(netAddr(r), wish.Port))
	if err == nil {
		c.Close()
	}
	fmt.Fprintf(w, `{"success":true,"reached":%v}`, err == nil)
}

func (s *super) config() connectivity.SuperNode {
	return connectivity.SuperNode{ID: s.id, Peer: s.id, Relay: s.proxy, Gateway: s.url}
}

func (s *super) has(t *testing.T, name string) *names.Record {
	t.Helper()
	n, err := names.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.registry.Lookup(t.Context(), n)
	if err != nil {
		return nil
	}
	return &r
}

func database(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "pc2.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// climb runs a ladder until the test ends or stop is called.
func climb(t *testing.T, cfg connectivity.Config) (l *connectivity.Ladder, stop func()) {
	t.Helper()
	l = connectivity.New(cfg)
	connectivity.Hurry(l)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return l, stop
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}

func TestNameAndVisitors(t *testing.T) {
	s, bus := newSuper(t, 1), event.New()
	changes := event.Subscribe[connectivity.Changed](bus, 100)
	db := database(t)
	l, stop := climb(t, connectivity.Config{Key: key(50), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "Alice", DB: db, Bus: bus})
	<-l.Tried()
	st := l.State()
	if st.Path != connectivity.Relay || st.Name != "alice" || st.URL != "http://alice.test" || !strings.Contains(st.Sentence, s.proxy) {
		t.Fatalf("%+v", st)
	}
	rec := s.has(t, "alice")
	if rec == nil || rec.Node != key(50).ID() || rec.Device != key(50).RelayDevice(s.id).ID() {
		t.Fatal(rec)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(c, c)
			c.Close()
		}
	}()
	c, err := s.relay.DialDevice(t.Context(), rec.Device)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "hello")
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Fatal(string(b), err)
	}
	c.Close()

	bob, _ := names.Parse("bob")
	if st, err := l.Register(t.Context(), bob); err != nil || st.Name != "bob" {
		t.Fatal(st, err)
	}
	if s.has(t, "alice") != nil || s.has(t, "bob") == nil {
		t.Fatal("the old name is still held, or the new one is not")
	}
	stop()
	if last := l.State(); last.Path != connectivity.Offline {
		t.Fatalf("%+v", last)
	}
	changes.Close()
	n := 0
	for range changes.C() {
		n++
	}
	if n < 3 {
		t.Fatalf("%d changes were told", n)
	}
	for what, c := range map[string]struct {
		cfg  connectivity.Config
		name string
	}{
		"the same network": {connectivity.Config{SuperNodes: []connectivity.SuperNode{s.config()}}, "bob"},
		"wanted":           {connectivity.Config{SuperNodes: []connectivity.SuperNode{s.config()}, Want: "Bob"}, "bob"},
		"another wanted":   {connectivity.Config{SuperNodes: []connectivity.SuperNode{s.config()}, Want: "carol"}, ""},
		"another domain":   {connectivity.Config{SuperNodes: []connectivity.SuperNode{s.config()}, Domain: "elsewhere"}, ""},
		"no super node":    {connectivity.Config{}, ""},
	} {
		c.cfg.Key, c.cfg.DB = key(50), db
		l := connectivity.New(c.cfg)
		if err := l.Recall(t.Context()); err != nil || l.State().Name != c.name || (l.State().URL == "http://bob.test") != (c.name != "") {
			t.Errorf("%s: %+v %v", what, l.State(), err)
		}
	}
	// The next start has the name without being told.
	again, _ := climb(t, connectivity.Config{Key: key(50), SuperNodes: []connectivity.SuperNode{s.config()}, DB: db})
	<-again.Tried()
	if st := again.State(); st.Name != "bob" || st.Path != connectivity.Relay {
		t.Fatalf("%+v", st)
	}
}

func TestTakenNameLeavesTheNodeNameless(t *testing.T) {
	s := newSuper(t, 2)
	first, _ := climb(t, connectivity.Config{Key: key(51), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t)})
	<-first.Tried()
	second, _ := climb(t, connectivity.Config{Key: key(52), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t)})
	<-second.Tried()
	if st := second.State(); st.Name != "" || st.Trouble != "name_taken" || st.Path != connectivity.Offline || !strings.Contains(st.Sentence, "another PC2") {
		t.Fatalf("%+v", st)
	}
	alice, _ := names.Parse("alice")
	if _, err := second.Register(t.Context(), alice); fault.CodeOf(err) != "name_taken" {
		t.Fatal(err)
	}
	carol, _ := names.Parse("carol")
	if _, err := second.Register(t.Context(), carol); err != nil {
		t.Fatal(err)
	}
	until(t, "reachable as carol", func() bool { st := second.State(); return st.Path == connectivity.Relay && st.Name == "carol" })
}

// Offline is said only once that is known.
func TestFirstAttempt(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // and nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	at := silent.Addr().String()
	l, _ := climb(t, connectivity.Config{Key: key(57), SuperNodes: []connectivity.SuperNode{{ID: key(8).ID(), Peer: key(8).ID(), Relay: at, Gateway: "http://" + at}}, Want: "alice", DB: database(t)})
	if st := l.State(); !st.Trying || st.Path != connectivity.Offline || st.Sentence != "Looking for a way in from outside…" {
		t.Fatalf("%+v", st)
	}
	silent.Close()
	<-l.Tried()
	if st := l.State(); st.Trying || st.Path != connectivity.Offline || !strings.HasPrefix(st.Sentence, "Only on this PC: ") {
		t.Fatalf("%+v", st)
	}
}

// When a super node is gone, the next one takes over, name and all.
func TestFailover(t *testing.T) {
	a, b := newSuper(t, 3), newSuper(t, 4)
	l, _ := climb(t, connectivity.Config{Key: key(53), SuperNodes: []connectivity.SuperNode{a.config(), b.config()}, Want: "alice", DB: database(t)})
	<-l.Tried()
	if st := l.State(); st.SuperNode != a.id || st.Path != connectivity.Relay {
		t.Fatalf("%+v", st)
	}
	a.down()
	until(t, "reachable through the second", func() bool { st := l.State(); return st.Path == connectivity.Relay && st.SuperNode == b.id })
	if b.has(t, "alice") == nil {
		t.Fatal("the second does not know the name")
	}
}

// When the first super node is back, the node goes back to it.
func TestBackToTheFirst(t *testing.T) {
	a, b := newSuper(t, 6), newSuper(t, 7)
	first := a.config()
	var up atomic.Bool
	relay, web := gate(t, first.Relay, &up), gate(t, strings.TrimPrefix(first.Gateway, "http://"), &up)
	first.Relay, first.Gateway = relay, "http://"+web
	l, _ := climb(t, connectivity.Config{Key: key(56), SuperNodes: []connectivity.SuperNode{first, b.config()}, Want: "alice", DB: database(t)})
	until(t, "reachable through the second", func() bool { st := l.State(); return st.Path == connectivity.Relay && st.SuperNode == b.id })
	up.Store(true)
	until(t, "reachable through the first", func() bool { st := l.State(); return st.Path == connectivity.Relay && st.SuperNode == a.id })
	if a.has(t, "alice") == nil {
		t.Fatal("the first does not know the name")
	}
}

// gate carries connections to an address while it is up.
func gate(t *testing.T, to string, up *atomic.Bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			c, err := l.Accept()
			switch {
			case err != nil:
				return
			case !up.Load():
				c.Close()
			default:
				carrying.Go(func() { pipe(c, to) })
			}
		}
	})
	t.Cleanup(func() { l.Close(); carrying.Wait() })
	return l.Addr().String()
}

// A node that was restored has claims behind it that it does not remember.
func TestForgottenSeq(t *testing.T) {
	s := newSuper(t, 5)
	name, _ := names.Parse("alice")
	ahead := time.Now().Add(4 * time.Minute)
	c, err := names.Sign(key(54), names.Claim{Op: names.Register, Name: name, Device: key(9).ID(), SuperNode: s.id, Seq: ahead.UnixMilli(), Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.registry.Apply(t.Context(), c.JSON(), netAddr(&http.Request{RemoteAddr: "127.0.0.1:1"})); err != nil {
		t.Fatal(err)
	}
	l, _ := climb(t, connectivity.Config{Key: key(54), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: database(t)})
	<-l.Tried()
	if st := l.State(); st.Path != connectivity.Relay {
		t.Fatalf("%+v", st)
	}
}

func TestWithoutSuperNodes(t *testing.T) {
	l, stop := climb(t, connectivity.Config{Key: key(55), DB: database(t)})
	name, _ := names.Parse("alice")
	if _, err := l.Register(t.Context(), name); fault.KindOf(err) != fault.Unavailable {
		t.Fatal(err)
	}
	stop()
	if _, err := l.Accept(); err != net.ErrClosed {
		t.Fatal(err)
	}
}
