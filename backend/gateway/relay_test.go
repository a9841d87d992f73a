package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"pc2/backend/boson/activeproxy"
	"pc2/backend/names"
	"pc2/backend/preface"
)

// proxy is the Dialer of a super node with a real relay.
type proxy struct{ *activeproxy.Server }

func (p proxy) DialNode(ctx context.Context, rec names.Record) (net.Conn, error) {
	c, err := p.DialDevice(ctx, rec.Device)
	if errors.Is(err, activeproxy.ErrOffline) {
		err = errors.Join(ErrOffline, err)
	}
	return c, err
}

func (p proxy) Via(rec names.Record) string {
	if _, ok := p.Device(rec.Device); ok {
		return "relay"
	}
	return ""
}

// relayed is a scene whose node is behind the real relay, both ends.
func relayed(t testing.TB, h http.Handler) *scene {
	t.Helper()
	peer := key(90)
	server, err := activeproxy.NewServer(activeproxy.ServerConfig{Key: peer, OpenRelay: true})
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t, func(c *Config) { c.Dialer = proxy{server} })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	identity := key(1)
	device := identity.RelayDevice(peer.ID())
	online := make(chan struct{})
	client, err := activeproxy.NewClient(activeproxy.ClientConfig{Relay: l.Addr().String(), Peer: peer.ID(), Device: device, User: identity.ID(), OnState: func(st activeproxy.State) {
		if st.Phase == activeproxy.Online {
			close(online)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	node := &http.Server{Handler: h}
	preface.Prepare(node)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = server.Run(ctx, l) })
	all.Go(func() { _ = client.Run(ctx) })
	all.Go(func() { _ = node.Serve(preface.Listen(client, preface.Config{})) })
	t.Cleanup(func() {
		s.stop()
		node.Close()
		cancel()
		all.Wait()
	})
	if a := s.do("POST", "localhost", "/api/register", s.claim(identity, "alice", names.Register, device.ID())); a.code != 200 {
		t.Fatal(a)
	}
	select {
	case <-online:
	case <-time.After(time.Minute):
		t.Fatal("the node does not reach the relay")
	}
	return s
}

// Browser → gateway → relay → node, with nothing made for the test between.
func TestThroughRelay(t *testing.T) {
	up := websocket.Upgrader{}
	s := relayed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/live" {
			mirror(w, r)
			return
		}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, m, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, m) != nil {
				return
			}
		}
	}))
	if a := s.get("alice.localhost", "/status"); a.json["via"] != "relay" {
		t.Error(a)
	}
	if got := s.get("alice.localhost", "/").seen(t); got.Proto != "HTTP/2.0" || got.Header.Get("X-Forwarded-For") != "127.0.0.1" {
		t.Error(got)
	}
	big := make([]byte, 8<<20)
	rand.Read(big)
	sum := sha256.Sum256(big)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got := s.do("PUT", "alice.localhost", "/up", big).seen(t)
			if got.Proto != "HTTP/1.1" || got.Visitor != "127.0.0.1" || got.Sum != hex.EncodeToString(sum[:]) {
				t.Error(got)
			}
		})
		wg.Go(func() {
			for i := range 20 {
				if got := s.do("POST", "alice.localhost", "/", bytes.Repeat([]byte("x"), i)).seen(t); got.Body != int64(i) {
					t.Error(got)
				}
			}
		})
		wg.Go(func() {
			d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return net.Dial("tcp", s.addr) }}
			c, _, err := d.Dial("ws://alice.localhost/live", nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for i := range 50 {
				want := strings.Repeat(fmt.Sprint(i), 100)
				if err := c.WriteMessage(websocket.TextMessage, []byte(want)); err != nil {
					t.Error(err)
				}
				if _, m, err := c.ReadMessage(); err != nil || string(m) != want {
					t.Errorf("%d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A stranger who finds the relay's mapped port is told nothing, whatever is said there.
func TestStrangerOnTheMappedPort(t *testing.T) {
	s := relayed(t, http.HandlerFunc(mirror))
	var port int
	for _, d := range s.cfg.Dialer.(proxy).Devices() {
		port = d.Port
	}
	forged, err := preface.Header([32]byte{1}, peerAddr("203.0.113.7:1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, say := range map[string]string{
		"clear HTTP":      "GET / HTTP/1.1\r\nHost: alice.localhost\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n",
		"HTTP/2":          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"TLS":             "\x16\x03\x01\x00\x05hello",
		"a forged header": string(forged) + "GET / HTTP/1.1\r\nHost: alice.localhost\r\n\r\n",
		"PROXY version 1": "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\nHost: alice.localhost\r\n\r\n",
	} {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(c, say)
		if b, err := io.ReadAll(c); len(b) > 0 || err != nil && timedOut(err) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		c.Close()
	}
	if a := s.get("alice.localhost", "/"); a.code != 200 {
		t.Error(a)
	}
}

var _ preface.Keyed = (*activeproxy.Conn)(nil)
