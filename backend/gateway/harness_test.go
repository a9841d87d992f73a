package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/boson"
	"pc2/backend/names"
	"pc2/backend/preface"
	"pc2/backend/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key makes keys from fixed seeds, so that failures repeat.
func key(n byte) boson.Key { return boson.KeyFromSeed([32]byte{n, 0x67, 0x77}) }

func super() boson.ID { return key(100).ID() }

// node is a real http.Server behind a preface listener, as a PC2 is; the relay
// between is TCP with a session key.
type node struct {
	t      testing.TB
	key    [32]byte
	server *http.Server
	l      net.Listener
	done   chan struct{}

	dials atomic.Int64
	mu    sync.Mutex
	open  map[net.Conn]bool // the gateway's ends
}

type keyed struct {
	net.Conn
	key  [32]byte
	gone func()
}

func (k *keyed) PrefaceKey() [32]byte { return k.key }

func (k *keyed) Close() error {
	k.gone()
	return k.Conn.Close()
}

type keyedListener struct {
	net.Listener
	key [32]byte
}

func (l keyedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &keyed{Conn: c, key: l.key, gone: func() {}}, nil
}

func newNode(t testing.TB, h http.Handler) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, key: [32]byte{byte(len(t.Name())), 7}, l: l, done: make(chan struct{}), open: map[net.Conn]bool{}, server: &http.Server{Handler: h}}
	preface.Prepare(n.server)
	go func() {
		defer close(n.done)
		n.server.Serve(preface.Listen(keyedListener{l, n.key}, preface.Config{}))
	}()
	t.Cleanup(n.stop)
	return n
}

func (n *node) stop() {
	n.server.Close()
	<-n.done
}

// cut ends the gateway's connections, as a lost relay does.
func (n *node) cut() {
	n.mu.Lock()
	var all []net.Conn
	for c := range n.open {
		all = append(all, c)
	}
	n.mu.Unlock()
	for _, c := range all {
		c.(*keyed).Conn.Close()
	}
}

func (n *node) conns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.open)
}

// relay is the Dialer: which devices are there.
type relay struct {
	mu    sync.Mutex
	nodes map[boson.ID]*node
	fail  error // what DialNode returns although Via says that the node is there
	block chan struct{}
}

func (r *relay) DialNode(ctx context.Context, rec names.Record) (net.Conn, error) {
	r.mu.Lock()
	n, fail, block := r.nodes[rec.Device], r.fail, r.block
	r.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if fail != nil {
		return nil, fail
	}
	if n == nil {
		return nil, ErrOffline
	}
	n.dials.Add(1)
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", n.l.Addr().String())
	if err != nil {
		return nil, err
	}
	k := &keyed{Conn: c, key: n.key}
	k.gone = func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.open, k)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[k] = true
	return k, nil
}

func (r *relay) Via(rec names.Record) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes[rec.Device] == nil {
		return ""
	}
	return "relay"
}

func (r *relay) set(device boson.ID, n *node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n == nil {
		delete(r.nodes, device)
	} else {
		r.nodes[device] = n
	}
}

// scene is a running gateway and what stands around it.
type scene struct {
	*Gateway
	t     testing.TB
	relay *relay
	names *names.Registry
	addr  string
	seq   int64
	http  *http.Client
	stop  func()
}

func newScene(t testing.TB, more ...func(*Config)) *scene {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "names.db"), Schema: names.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	reg := names.NewRegistry(names.Config{Store: names.NewSQLite(db), Self: super()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, names: reg, relay: &relay{nodes: map[boson.ID]*node{}}, addr: l.Addr().String(), seq: time.Now().UnixMilli()}
	cfg := Config{Dialer: s.relay, Names: reg, Domain: "localhost", Scheme: "http", Self: super(), HTTP: l, Limits: map[string]int{"register": 0, "api": 0, "proxy": 1024}}
	for _, f := range more {
		f(&cfg)
	}
	if s.Gateway, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("the gateway does not stop")
		}
	})
	t.Cleanup(s.stop)
	tr := &http.Transport{DisableCompression: true, ExpectContinueTimeout: 30 * time.Second, MaxIdleConnsPerHost: 64, ReadBufferSize: 64 << 10, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", s.addr)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	s.http = &http.Client{Transport: tr, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// claim is a valid one; more changes it before it is signed.
func (s *scene) claim(k boson.Key, name string, op names.Op, device boson.ID, more ...func(*names.Claim)) []byte {
	s.t.Helper()
	n, err := names.Parse(name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.seq++
	c := names.Claim{Op: op, Name: n, Device: device, SuperNode: super(), Seq: s.seq, Time: time.Now()}
	for _, f := range more {
		f(&c)
	}
	if c, err = names.Sign(k, c); err != nil {
		s.t.Fatal(err)
	}
	return c.JSON()
}

// home registers name by HTTP and puts a node with h behind it. n makes its keys.
func (s *scene) home(name string, n byte, h http.Handler) *node {
	s.t.Helper()
	device := key(n + 50).ID()
	res := s.do("POST", s.cfg.Domain, "/api/register", s.claim(key(n), name, names.Register, device))
	if res.code != 200 {
		s.t.Fatalf("register %s: %d %s", name, res.code, res.body)
	}
	nd := newNode(s.t, h)
	s.relay.set(device, nd)
	return nd
}

type answer struct {
	code   int
	header http.Header
	body   string
	json   map[string]any
}

func (s *scene) request(method, host, path string, body io.Reader, header ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://"+host+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func (s *scene) do(method, host, path string, body []byte, header ...string) answer {
	s.t.Helper()
	var b io.Reader
	if body != nil {
		b = bytes.NewReader(body)
	}
	return s.send(s.request(method, host, path, b, header...))
}

func (s *scene) send(r *http.Request) answer {
	s.t.Helper()
	res, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{code: res.StatusCode, header: res.Header, body: string(b)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") && len(b) > 0 {
		if err := json.Unmarshal(b, &a.json); err != nil {
			s.t.Fatal(err)
		}
	}
	return a
}

func (s *scene) get(host, path string, header ...string) answer {
	s.t.Helper()
	return s.do("GET", host, path, nil, header...)
}

// raw says bytes on a connection of its own and reads one answer.
func (s *scene) raw(say string) (*http.Response, error) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, say); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") {
		s.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res, err
}

// eventually waits for what happens in other goroutines.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatal(what)
}

func addrOf(i int) string {
	return net.IPv4(10, byte(i>>16), byte(i>>8), byte(i)).String()
}

// discard is an answer that nobody reads.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
