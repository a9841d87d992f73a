package connectivity_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"pc2/backend/boson"
	"pc2/backend/connectivity"
	"pc2/backend/fault"
	"pc2/backend/names"
)

// front is a gateway before s: it brings visitors of alice.test to the device
// that the name names.
func front(t *testing.T, s *super) *httptest.Server {
	t.Helper()
	alice, err := names.Parse("alice")
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(&url.URL{Scheme: "http", Host: "alice.test"}) },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			rec, err := s.registry.Lookup(ctx, alice)
			if err != nil {
				return nil, err
			}
			return s.relay.DialDevice(ctx, rec.Device)
		}},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "alice.test" {
			proxy.ServeHTTP(w, r)
		} else {
			s.serve(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

// answers serves the ladder's visitors as the node id.
func answers(t *testing.T, l *connectivity.Ladder, id boson.ID) {
	t.Helper()
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/setup/status" || r.Host != "alice.test" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"node_id":%q}`, id)
	})}
	ended := make(chan struct{})
	go func() { srv.Serve(l); close(ended) }()
	t.Cleanup(func() { srv.Close(); <-ended })
}

func TestCheck(t *testing.T) {
	s := newSuper(t, 11)
	web := front(t, s)
	sn := s.config()
	sn.Gateway = web.URL
	l, _ := climb(t, connectivity.Config{Key: key(61), SuperNodes: []connectivity.SuperNode{sn}, DB: database(t)})
	if l.LastCheck() != nil {
		t.Fatal("a check before there was one")
	}
	// Without a name there is nothing to call, but the super node is there.
	if c, err := l.Check(t.Context()); err != nil || c.Reached || !c.Super || c.Away <= 0 {
		t.Fatalf("%+v %v", c, err)
	}
	alice, _ := names.Parse("alice")
	if _, err := l.Register(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	answers(t, l, key(61).ID())
	// The relay is just being connected: the check waits for it.
	c, err := l.Check(t.Context())
	if err != nil || !c.Reached || c.Took <= 0 || !c.Super || *l.LastCheck() != c {
		t.Fatalf("%+v %v", c, err)
	}
	if st := l.State(); st.Endpoint == "" || st.Path != connectivity.Relay {
		t.Fatalf("%+v", st)
	}
	if r, err := l.Record(t.Context()); err != nil || r.Name != "alice" || r.Seq == 0 || r.SuperNode != sn.ID.String() {
		t.Fatalf("%+v %v", r, err)
	}
	web.Close()
	if c, err := l.Check(t.Context()); err != nil || c.Reached || c.Super {
		t.Fatalf("%+v %v", c, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Check(gone); err == nil {
		t.Fatal("a check that nobody waits for was made")
	}
}

// An address that leads to somebody else is not ours, however well it answers.
func TestCheckOfSomebodyElse(t *testing.T) {
	s := newSuper(t, 12)
	sn := s.config()
	sn.Gateway = front(t, s).URL
	l, _ := climb(t, connectivity.Config{Key: key(62), SuperNodes: []connectivity.SuperNode{sn}, Want: "alice", DB: database(t)})
	answers(t, l, key(63).ID())
	if c, err := l.Check(t.Context()); err != nil || c.Reached || !c.Super {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestCheckWithoutSuperNodes(t *testing.T) {
	l, _ := climb(t, connectivity.Config{Key: key(64), DB: database(t)})
	if _, err := l.Check(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Fatal(err)
	}
}
