//go:build linux

package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"pc2/backend/connectivity"
	"pc2/backend/supernode"
)

// chain is a real super node and a real node in this process, so that goroutines
// and descriptors of both can be counted: visitor → gateway → relay → node.
type chain struct {
	t     *testing.T
	home  string // the super node's folder
	dir   string // the node's
	super *supernode.SuperNode
	node  *Node
	token string // the owner's
	url   string // as the world sees it

	stopSuper func()
}

func newChain(t *testing.T, name string) *chain {
	t.Helper()
	c := newFreeChain(t, name)
	c.token = claimOwner(t, c.node.URL(), c.node.auth.ClaimCode().Reveal())
	return c
}

// newFreeChain is a chain whose node has no owner.
func newFreeChain(t *testing.T, name string) *chain {
	t.Helper()
	c := &chain{t: t, home: t.TempDir(), dir: t.TempDir()}
	c.startSuper()
	c.node, _ = c.startNode(c.dir, name)
	c.url = c.node.net.State().URL
	return c
}

// superHost is the super node's address: nobody's connection takes a port of it
// while the super node is away.
const superHost = "127.0.0.77"

// startSuper starts the super node, on its ports of before.
func (c *chain) startSuper() {
	c.t.Helper()
	s, err := supernode.New(c.t.Context(), supernode.Config{Dir: c.home, Domain: "localhost", Scheme: "http", PublicHost: superHost, HTTP: superHost + ":0", Proxy: superHost + ":0"})
	if err != nil {
		c.t.Fatal(err)
	}
	c.super = s
	c.stopSuper = running(c.t, "the super node", s.Run)
}

// running runs f until the test ends or stop is called.
func running(t *testing.T, what string, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s does not stop\n%s", what, stacks())
		}
	})
	t.Cleanup(stop)
	return stop
}

// profile names the super node to a node.
func (c *chain) profile() Profile {
	at := c.super.Ready()
	host, port, err := net.SplitHostPort(at.ProxyAddr)
	if err != nil {
		c.t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		c.t.Fatal(err)
	}
	return Profile{Name: "custom", Domain: "localhost", Scheme: "http", SuperNodes: []SuperNode{{ID: at.NodeID, ProxyPeerID: at.ProxyPeerID, Host: host, ProxyPort: n, Gateway: at.GatewayURL}}}
}

// startNode runs a node and waits until the world reaches it.
func (c *chain) startNode(dir, name string) (n *Node, stop func()) {
	c.t.Helper()
	n, stop = runNode(c.t, Config{Dir: dir, Listen: "127.0.0.1:0", Profile: c.profile(), WantedName: name, UI: fstest.MapFS{}})
	eventually(c.t, "a relay session", func() bool { return n.net.State().Path == connectivity.Relay })
	return n, stop
}

func runNode(t *testing.T, cfg Config) (n *Node, stop func()) {
	t.Helper()
	n, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n, running(t, "the node", n.Run)
}

// eventually waits for what happens in other goroutines.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s\n%s", what, stacks())
		}
	}
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// visitor is a browser far away. Its address is its own, so that limits for each
// address can be seen; all of 127.0.0.0/8 is this PC.
type visitor struct {
	t           *testing.T
	client      *http.Client
	base, token string
}

func (c *chain) visitor(from string) *visitor {
	c.t.Helper()
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx, from) }}
	c.t.Cleanup(tr.CloseIdleConnections)
	// Less than the minute that a stalled body may take: who waits for one of another is found out.
	return &visitor{c.t, &http.Client{Transport: tr, Timeout: 45 * time.Second}, c.url, ""}
}

// owner is a visitor who is signed in.
func (c *chain) owner(from string) *visitor {
	v := c.visitor(from)
	v.token = c.token
	return v
}

// atHome is the owner's browser on the PC itself.
func (c *chain) atHome() *visitor {
	tr := &http.Transport{DisableKeepAlives: true}
	return &visitor{c.t, &http.Client{Transport: tr, Timeout: 2 * time.Minute}, c.node.URL(), c.token}
}

// dial opens a connection to the gateway.
func (c *chain) dial(ctx context.Context, from string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return d.DialContext(ctx, "tcp", c.super.Ready().HTTPAddr)
}

// mapped is where strangers find the relay's port of the node.
func (c *chain) mapped() string {
	c.t.Helper()
	all := c.super.Devices()
	if len(all) == 0 {
		c.t.Fatal("no relay session")
	}
	return fmt.Sprintf("%s:%d", superHost, all[0].Port)
}

// raw opens a connection to the gateway and says something on it.
func (c *chain) raw(say string) *net.TCPConn {
	c.t.Helper()
	conn, err := c.dial(c.t.Context(), "127.0.0.1")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, say); err != nil {
		c.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func (c *chain) host() string { return strings.TrimPrefix(c.url, "http://") }

// head is a request's, for raw.
func (c *chain) head(method, path string, more ...string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: " + c.host() + "\r\nAuthorization: Bearer " + c.token + "\r\n" + strings.Join(append(more, "\r\n"), "\r\n")
}

type reply struct {
	code   int
	body   []byte
	header http.Header
}

func (r reply) String() string { return fmt.Sprintf("%d %.300s", r.code, r.body) }

// says looks for a stable code.
func (r reply) says(code int, fault string) bool {
	var f struct{ Code string }
	return r.code == code && json.Unmarshal(r.body, &f) == nil && f.Code == fault
}

func (r reply) object(t *testing.T) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatal(r, err)
	}
	return m
}

func (v *visitor) try(method, path string, body io.Reader, header ...string) (reply, error) {
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, body)
	if err != nil {
		return reply{}, err
	}
	if v.token != "" {
		req.Header.Set("Authorization", "Bearer "+v.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if h := req.Header.Get("Host"); h != "" {
		req.Host = h
	}
	res, err := v.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, b, res.Header}, err
}

func (v *visitor) do(method, path string, body io.Reader, header ...string) reply {
	v.t.Helper()
	r, err := v.try(method, path, body, header...)
	if err != nil {
		v.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (v *visitor) post(path string, body any, header ...string) reply {
	v.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do("POST", path, bytes.NewReader(b), append([]string{"Content-Type", "application/json", "Origin", v.base}, header...)...)
}

// census counts what is open in this process. The databases' own files do not
// count: their readers open once needed, a bounded number, and stay.
type census struct{ descriptors, goroutines, links int }

func (c *chain) count() (n census) {
	c.t.Helper()
	const dir = "/proc/self/fd"
	open, err := os.ReadDir(dir)
	if err != nil {
		c.t.Skip("no /proc here to count descriptors in")
	}
	for _, d := range open {
		to, err := os.Readlink(filepath.Join(dir, d.Name()))
		if err == nil && !strings.Contains(filepath.Base(to), ".db") {
			n.descriptors++
		}
	}
	n.goroutines = runtime.NumGoroutine()
	for _, d := range c.super.Devices() {
		n.links += d.Connections
	}
	return n
}

// quiet is the count once nothing comes or goes any more: what is opened once
// and kept, as the shared connection, is open.
func (c *chain) quiet() census {
	c.t.Helper()
	c.lives(0)
	last, since := c.count(), time.Now()
	for end := time.Now().Add(time.Minute); time.Since(since) < time.Second && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if now := c.count(); now != last {
			last, since = now, time.Now()
		}
	}
	return last
}

// settled waits until nothing is open beyond before. Spare connections of the
// node, which a crowd leaves for some minutes, take a descriptor and a goroutine at
// each end.
func (c *chain) settled(before census) {
	c.t.Helper()
	var now census
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		now = c.count()
		more := max(0, 2*(now.links-before.links))
		if now.descriptors <= before.descriptors+more && now.goroutines <= before.goroutines+more {
			return
		}
	}
	c.t.Fatalf("%+v, before %+v\n%s", now, before, stacks())
}

// stored lists the node's objects: those that are whole, and those in incoming,
// which are not or not yet known to be.
func (c *chain) stored() (whole, incoming int) {
	c.t.Helper()
	err := filepath.WalkDir(filepath.Join(c.dir, "objects"), func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && !os.IsNotExist(err): // it may be on its way
			return err
		case err != nil || d.IsDir():
		case filepath.Base(filepath.Dir(p)) == "incoming":
			incoming++
		default:
			whole++
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return whole, incoming
}
