package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pc2/backend/boson"
	"pc2/backend/doorway"
	"pc2/backend/names"
	"pc2/backend/preface"
)

// house is a node with a public listener of its own.
type house struct {
	at     netip.AddrPort
	server *http.Server
	l      net.Listener
	ended  sync.WaitGroup
}

// housed serves h as the node of key at ip.
func housed(t testing.TB, k boson.Key, ip string, h http.Handler) *house {
	t.Helper()
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	return housedAt(t, k, l, h)
}

func housedAt(t testing.TB, k boson.Key, l net.Listener, h http.Handler) *house {
	t.Helper()
	d, err := doorway.Listen(l, doorway.Config{Key: k, Supers: []boson.ID{super()}})
	if err != nil {
		t.Fatal(err)
	}
	n := &house{at: netip.MustParseAddrPort(l.Addr().String()), server: &http.Server{Handler: h}, l: d}
	preface.Prepare(n.server)
	n.ended.Go(func() { n.server.Serve(preface.Listen(d, preface.Config{})) })
	t.Cleanup(n.stop)
	return n
}

func (n *house) stop() {
	n.server.Close()
	n.ended.Wait()
}

// calm times are those of a machine that has much else to do.
var calm = times{reach: 30 * time.Second, dial: 30 * time.Second, ping: 30 * time.Second}

// direct turns dial-backs on, in a network of loopback addresses.
func direct(c *Config) {
	c.Direct, c.Inside = doorway.NewDialer(key(100)), true
	c.Limits["reach"], c.times = 0, calm
}

// hurry is for what will not come about; calm is for what will.
func (s *scene) hurry() {
	s.roads.times.Store(&times{reach: 300 * time.Millisecond, dial: 300 * time.Millisecond})
}
func (s *scene) calm() { s.roads.times.Store(&calm) }

// wish is the body of a reach request.
func (s *scene) wish(k boson.Key, port uint16) []byte {
	s.t.Helper()
	b, err := names.SignReach(k, names.Reach{SuperNode: super(), Port: port, Time: time.Now()})
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// reach asks to be dialled back; more are headers.
func (s *scene) reach(k boson.Key, port uint16, more ...string) answer {
	s.t.Helper()
	return s.do("POST", s.cfg.Domain, "/api/reach", s.wish(k, port), more...)
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s for %s", text, r.Header.Get("X-Forwarded-For"))
	}
}

func TestReach(t *testing.T) {
	s := newScene(t, direct)
	s.home("alice", 1, says("relay"))
	h := housed(t, key(1), "127.0.0.1", says("direct"))
	if a := s.get("alice.localhost", "/"); a.body != "relay for 127.0.0.1" {
		t.Fatal(a.body)
	}
	if a := s.reach(key(1), h.at.Port()); a.code != 200 || a.json["reached"] != true {
		t.Fatal(a)
	}
	if a := s.get("alice.localhost", "/"); a.body != "direct for 127.0.0.1" {
		t.Fatal(a.body)
	}
	big := strings.NewReader(strings.Repeat("x", 1<<20))
	if a := s.send(s.request("PUT", "alice.localhost", "/", big)); a.body != "direct for 127.0.0.1" {
		t.Fatal(a.body)
	}
	if a := s.get("alice.localhost", "/status"); a.json["via"] != "direct" {
		t.Fatal(a)
	}
	a := s.get("localhost", "/api/lookup/alice")
	if a.json["via"] != "direct" || strings.Contains(a.body, fmt.Sprint(h.at.Port())) || strings.Contains(a.body, "127.0.0.1") {
		t.Fatal("the address is told, or not used:", a.body)
	}
	// Without the relay, too.
	s.relay.set(key(51).ID(), nil)
	if a := s.get("alice.localhost", "/"); a.body != "direct for 127.0.0.1" {
		t.Fatal(a.body)
	}
	// Another address takes the place of the first.
	second := housed(t, key(1), "127.0.0.1", says("second"))
	if a := s.reach(key(1), second.at.Port()); a.json["reached"] != true {
		t.Fatal(a)
	}
	if a := s.get("alice.localhost", "/"); a.body != "second for 127.0.0.1" {
		t.Fatal(a.body)
	}
	// One where the node is not met any more is forgotten.
	second.stop()
	s.hurry()
	if a := s.reach(key(1), second.at.Port()); a.json["reached"] != false {
		t.Fatal(a)
	}
	if a := s.get("alice.localhost", "/status"); a.json["online"] != false {
		t.Fatal(a)
	}
}

// The address dies: the request that notices is answered all the same, through
// the relay, and so are the next ones, without another try for a while.
func TestFallbackWithinOneRequest(t *testing.T) {
	for what, die := range map[string]func(*house){
		"refused":       func(h *house) { h.stop() },
		"another there": func(h *house) { h.stop(); squat(t, h.at, key(9)) },
		"silent":        func(h *house) { h.stop(); mute(t, h.at) },
	} {
		t.Run(what, func(t *testing.T) {
			s := newScene(t, direct)
			s.home("alice", 1, says("relay"))
			h := housed(t, key(1), "127.0.0.1", says("direct"))
			if a := s.reach(key(1), h.at.Port()); a.json["reached"] != true {
				t.Fatal(a)
			}
			for range 3 {
				if a := s.get("alice.localhost", "/"); a.body != "direct for 127.0.0.1" {
					t.Fatal(a.body)
				}
			}
			die(h)
			s.hurry()
			if a := s.get("alice.localhost", "/"); a.code != 200 || a.body != "relay for 127.0.0.1" {
				t.Fatal(a.code, a.body)
			}
			if via := s.get("alice.localhost", "/status").json["via"]; via != "relay" {
				t.Fatal(via)
			}
			a := s.send(s.request("PUT", "alice.localhost", "/", strings.NewReader(strings.Repeat("x", 1<<20))))
			if a.code != 200 || a.body != "relay for 127.0.0.1" {
				t.Fatal(a.code, a.body)
			}
		})
	}
}

// The same for a request that has a connection of its own.
func TestUploadFallsBack(t *testing.T) {
	s := newScene(t, direct)
	s.home("alice", 1, says("relay"))
	h := housed(t, key(1), "127.0.0.1", says("direct"))
	if a := s.reach(key(1), h.at.Port()); a.json["reached"] != true {
		t.Fatal(a)
	}
	h.stop()
	s.hurry()
	a := s.send(s.request("PUT", "alice.localhost", "/", strings.NewReader(strings.Repeat("x", 1<<20))))
	if a.code != 200 || a.body != "relay for 127.0.0.1" {
		t.Fatal(a.code, a.body)
	}
}

// A path that swallows everything, connections that are open included, as a
// router does that has forgotten the port.
func TestFrozenPathFallsBack(t *testing.T) {
	s := newScene(t, direct, func(c *Config) { c.times.ping = usual.ping })
	s.home("alice", 1, says("relay"))
	h := housed(t, key(1), "127.0.0.2", says("direct"))
	way := newFreezer(t, h.at)
	if a := s.reach(key(1), way.at.Port()); a.json["reached"] != true {
		t.Fatal(a)
	}
	if a := s.get("alice.localhost", "/"); a.body != "direct for 127.0.0.1" {
		t.Fatal(a.body)
	}
	way.frozen.Store(true)
	s.hurry()
	if a := s.get("alice.localhost", "/"); a.code != 200 || a.body != "relay for 127.0.0.1" {
		t.Fatal(a.code, a.body)
	}
	// It comes back: once the node has been met there again, it is used again.
	way.frozen.Store(false)
	s.calm()
	if a := s.reach(key(1), way.at.Port()); a.json["reached"] != true {
		t.Fatal(a)
	}
	if a := s.get("alice.localhost", "/"); a.body != "direct for 127.0.0.1" {
		t.Fatal(a.body)
	}
}

// freezer carries connections to a node, until it is frozen.
type freezer struct {
	at     netip.AddrPort
	frozen atomic.Bool
}

func newFreezer(t *testing.T, to netip.AddrPort) *freezer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &freezer{at: netip.MustParseAddrPort(l.Addr().String())}
	var all sync.Map
	var carrying sync.WaitGroup
	carry := func(from, to net.Conn) {
		b := make([]byte, 32<<10)
		for {
			n, err := from.Read(b)
			if err != nil {
				break
			}
			if f.frozen.Load() {
				continue
			}
			if _, err := to.Write(b[:n]); err != nil {
				break
			}
		}
		if !f.frozen.Load() {
			to.Close()
		}
	}
	carrying.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to.String())
			if err != nil {
				in.Close()
				continue
			}
			all.Store(in, nil)
			all.Store(out, nil)
			carrying.Go(func() { carry(in, out) })
			carrying.Go(func() { carry(out, in) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		carrying.Wait()
	})
	return f
}

// squat puts the node of another key at an address.
func squat(t *testing.T, at netip.AddrPort, k boson.Key) {
	t.Helper()
	housedAt(t, k, listenAgain(t, at), says("squatter"))
}

// mute takes connections and says nothing.
func mute(t *testing.T, at netip.AddrPort) {
	t.Helper()
	l := listenAgain(t, at)
	var all []net.Conn
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all = append(all, c)
		}
	})
	t.Cleanup(func() {
		l.Close()
		ended.Wait()
		for _, c := range all {
			c.Close()
		}
	})
}

func listenAgain(t *testing.T, at netip.AddrPort) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAddressesRestAndExpire(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := newRoads(&relay{nodes: map[boson.ID]*node{}}, doorway.NewDialer(key(100)), func() time.Time { return now }, usual)
	a, b := netip.MustParseAddrPort("127.0.0.1:2000"), netip.MustParseAddrPort("127.0.0.1:2001")
	n := key(1).ID()
	is := func(want netip.AddrPort, what string) {
		t.Helper()
		if got := r.address(n); got != want {
			t.Fatalf("%s: %v", what, got)
		}
	}
	none := netip.AddrPort{}
	is(none, "before any")
	r.prove(n, a)
	is(a, "proved")
	if got := r.address(key(2).ID()); got.IsValid() {
		t.Fatal("another node has it too")
	}
	r.failed(n, b)
	r.refute(n, b)
	is(a, "what is said of another address")
	for i, rest := range []time.Duration{restFirst, 2 * restFirst, 4 * restFirst} {
		r.failed(n, a)
		r.failed(n, a) // one failure, noticed twice
		is(none, fmt.Sprint("failed ", i))
		now = now.Add(rest - time.Second)
		is(none, fmt.Sprint("resting ", i))
		now = now.Add(2 * time.Second)
		is(a, fmt.Sprint("rested ", i))
	}
	r.failed(n, a)
	r.prove(n, a)
	is(a, "proved again")
	now = now.Add(provedFor + time.Second)
	is(none, "expired")
	r.prove(n, a)
	r.prove(n, b)
	is(b, "replaced")
	r.refute(n, b)
	is(none, "refuted")
}

func TestProvedAddressesAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := newRoads(&relay{}, doorway.NewDialer(key(100)), func() time.Time { return now }, usual)
	at := netip.MustParseAddrPort("127.0.0.1:2000")
	id := func(i int) (id boson.ID) {
		id[0], id[1], id[2] = byte(i), byte(i>>8), byte(i>>16)
		return id
	}
	for i := range maxProved {
		r.prove(id(i), at)
	}
	r.prove(id(maxProved), at)
	if len(r.proved) != maxProved || r.address(id(maxProved)).IsValid() {
		t.Fatal(len(r.proved))
	}
	now = now.Add(provedFor + time.Second)
	r.prove(id(maxProved), at)
	if len(r.proved) != 1 {
		t.Fatal(len(r.proved))
	}
}

func TestReachRefuses(t *testing.T) {
	s := newScene(t, direct)
	s.home("alice", 1, says("relay"))
	h := housed(t, key(1), "127.0.0.1", says("direct"))
	port := h.at.Port()
	for what, c := range map[string]struct {
		answer
		code int
		why  string
	}{
		"a web page":            {s.reach(key(1), port, "Origin", "http://alice.localhost"), 403, "origin_not_allowed"},
		"a page without origin": {s.reach(key(1), port, "Origin", ""), 403, "origin_not_allowed"},
		"a page's own":          {s.reach(key(1), port, "Sec-Fetch-Site", "same-origin"), 403, "origin_not_allowed"},
		"a navigation":          {s.reach(key(1), port, "Sec-Fetch-Mode", "navigate"), 403, "origin_not_allowed"},
		"nobody":                {s.reach(key(2), port), 403, "not_registered"},
		"a low port":            {s.reach(key(1), 443), 400, "field_invalid"},
		"no body":               {s.do("POST", "localhost", "/api/reach", nil), 400, "client_bad_json"},
		"a long body":           {s.do("POST", "localhost", "/api/reach", make([]byte, maxClaim+1)), 413, "too_large"},
		"another method":        {s.get("localhost", "/api/reach"), 405, "not_supported"},
	} {
		if c.answer.code != c.code || c.json["code"] != c.why {
			t.Errorf("%s: %d %v, want %d %s", what, c.answer.code, c.json["code"], c.code, c.why)
		}
	}
	if s.roads.address(key(1).ID()).IsValid() {
		t.Fatal("an address was proved")
	}
	if a := s.reach(key(1), port); a.json["reached"] != true {
		t.Fatal("the control:", a)
	}
}

// Where a super node serves the internet it does not look into its own network.
func TestReachOfTheInsideIsRefused(t *testing.T) {
	s := newScene(t, direct, func(c *Config) { c.Inside = false })
	s.home("alice", 1, says("relay"))
	h := housed(t, key(1), "127.0.0.1", says("direct"))
	if a := s.reach(key(1), h.at.Port()); a.code != 403 || a.json["code"] != "address_not_public" {
		t.Fatal(a)
	}
	// Nor because a header says so.
	if a := s.reach(key(1), h.at.Port(), "X-Forwarded-For", "9.9.9.9"); a.code != 403 {
		t.Fatal(a)
	}
	for ip, want := range map[string]bool{
		"9.9.9.9": true, "69.164.241.210": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.1.1": false, "100.64.0.1": false, "100.127.255.255": false,
		"0.0.0.0": false, "0.1.2.3": false, "255.255.255.255": false, "224.0.0.1": false, "240.0.0.1": false, "198.18.0.1": false, "192.0.0.9": false,
		"::": false, "::1": false, "fe80::1": false, "fd00::1": false, "ff02::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::1": false,
	} {
		if got := public(netip.MustParseAddr(ip)); got != want {
			t.Errorf("public(%s) = %v", ip, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// The address is the connection's, whatever the request says.
func TestReachDialsTheCallerAlone(t *testing.T) {
	s := newScene(t, direct)
	s.home("alice", 1, says("relay"))
	s.hurry()
	there := housed(t, key(1), "127.0.0.7", says("there")) // the node is not where the request comes from
	for _, header := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip"} {
		if a := s.reach(key(1), there.at.Port(), header, "127.0.0.7"); a.json["reached"] != false {
			t.Fatal(header, a)
		}
	}
	s.calm()
	tr := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 7)}}).DialContext, DisableKeepAlives: true}
	res, err := (&http.Client{Transport: tr}).Post("http://"+s.addr+"/api/reach", "application/json", strings.NewReader(string(s.wish(key(1), there.at.Port()))))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); !strings.Contains(string(b), `"reached":true`) {
		t.Fatal("the control:", string(b))
	}
}

// Every no is the same answer after the same time: closed, silent, another node's,
// something else's.
func TestReachTellsNothingOfPorts(t *testing.T) {
	s := newScene(t, direct)
	s.home("alice", 1, says("relay"))
	s.hurry()
	closed := housed(t, key(1), "127.0.0.1", says("gone"))
	closed.stop()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections for it
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	web := &http.Server{Handler: says("a web page")}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() { web.Serve(l) })
	defer func() { web.Close(); ended.Wait() }()
	var first string
	for what, port := range map[string]uint16{
		"closed": closed.at.Port(), "silent": portOf(silent), "a web server": portOf(l), "another node": housed(t, key(2), "127.0.0.1", says("other")).at.Port(),
	} {
		began := time.Now()
		a := s.reach(key(1), port)
		if took := time.Since(began); took < s.roads.times.Load().reach {
			t.Errorf("%s: known after %v", what, took)
		}
		if a.code != 200 || a.json["reached"] != false {
			t.Errorf("%s: %+v", what, a)
		}
		if first == "" {
			first = a.body
		}
		if a.body != first {
			t.Errorf("%s: %s, and not %s", what, a.body, first)
		}
	}
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

func TestReachIsLimited(t *testing.T) {
	s := newScene(t, direct, func(c *Config) { c.Limits["reach"] = 6 })
	s.home("alice", 1, says("relay"))
	h := housed(t, key(1), "127.0.0.1", says("direct"))
	for i := range 6 {
		if a := s.reach(key(1), h.at.Port()); a.code != 200 {
			t.Fatal(i, a)
		}
	}
	if a := s.reach(key(1), h.at.Port()); a.code != 429 || a.header.Get("Retry-After") == "" {
		t.Fatal(a)
	}
	// The key's own limit holds from another address too.
	tr := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 8)}}).DialContext, DisableKeepAlives: true}
	res, err := (&http.Client{Transport: tr}).Post("http://"+s.addr+"/api/reach", "application/json", strings.NewReader(string(s.wish(key(1), h.at.Port()))))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 429 {
		t.Fatal(res.StatusCode)
	}
}

// A second wish while the first is under way is refused, and dials nothing.
func TestReachWhileOneIsUnderWay(t *testing.T) {
	s := newScene(t, direct)
	s.home("alice", 1, says("relay"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wish := s.wish(key(1), portOf(l))
	go func() {
		req, err := http.NewRequestWithContext(ctx, "POST", "http://"+s.addr+"/api/reach", bytes.NewReader(wish))
		if err == nil {
			_, err = http.DefaultTransport.RoundTrip(req)
		}
		first <- err
	}()
	c, err := l.Accept() // the first is under way
	if err != nil {
		t.Fatal(err)
	}
	if a := s.reach(key(1), portOf(l)); a.code != 429 || a.header.Get("Retry-After") == "" {
		t.Fatal(a)
	}
	// Who leaves makes room.
	cancel()
	if err := <-first; err == nil {
		t.Fatal("answered")
	}
	c.Close()
	h := housed(t, key(1), "127.0.0.1", says("direct"))
	eventually(t, "there is room again", func() bool { return s.reach(key(1), h.at.Port()).json["reached"] == true })
}

// One dial-back of an address and of a node at a time.
func TestReachOneInFlight(t *testing.T) {
	r := newReaching()
	a, b := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	leave, err := r.enter(a, key(1).ID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.enter(a, key(2).ID()); err == nil {
		t.Fatal("two of an address")
	}
	if _, err := r.enter(b, key(1).ID()); err == nil {
		t.Fatal("two of a node")
	}
	other, err := r.enter(b, key(2).ID())
	if err != nil {
		t.Fatal(err)
	}
	leave()
	other()
	if _, err := r.enter(a, key(1).ID()); err != nil {
		t.Fatal(err)
	}
}
