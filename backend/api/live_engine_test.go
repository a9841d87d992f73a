package api

import (
	"bufio"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// A connection that ends while its first packet is being written just ends: two
// goroutines that write to one WebSocket are a panic of the library below.
func TestLiveEndsInHandshake(t *testing.T) {
	t.Parallel()
	writing, release := make(chan struct{}), make(chan struct{})
	m := newMute(socket.DefaultServerOptions())
	_ = m.On("connection", func(all ...any) {
		<-writing
		all[0].(engine.Socket).Close(true)
	})
	served := make(chan any, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { served <- recover() }()
		m.ServeHTTP(&slowHijacker{w, writing, release}, r)
	}))
	srv.Config.ErrorLog = log.New(t.Output(), "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	t.Cleanup(func() { m.Close() })

	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(srv.URL, "http")+"/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if p := <-served; p != nil {
		t.Errorf("the handler panicked: %v", p)
	}
	close(release)
	if _, p, err := conn.ReadMessage(); err == nil {
		t.Errorf("the ended connection says %q", p)
	}
	if n := m.ClientsCount(); n != 0 {
		t.Errorf("%d clients are left", n)
	}
}

// What is no handshake for the library's own reasons is told so.
func TestLiveUnknownProtocol(t *testing.T) {
	t.Parallel()
	o := socket.DefaultServerOptions()
	o.SetAllowEIO3(false)
	m := newMute(o)
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	t.Cleanup(func() { m.Close() })
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(srv.URL, "http")+"/?EIO=3&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _, err = conn.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) || !strings.Contains(err.Error(), "protocol") {
		t.Errorf("an unknown protocol is answered %v", err)
	}
}

// slowHijacker gives out a connection whose writes wait.
type slowHijacker struct {
	http.ResponseWriter
	writing, release chan struct{}
}

func (s *slowHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, b, err := http.NewResponseController(s.ResponseWriter).Hijack()
	return &slowConn{Conn: conn, begun: sync.OnceFunc(func() { close(s.writing) }), release: s.release}, b, err
}

// slowConn lets the answer to the upgrade pass, and no frame before its release,
// not even when it is closed.
type slowConn struct {
	net.Conn
	begun   func()
	release chan struct{}
}

func (s *slowConn) Write(b []byte) (int, error) {
	if !strings.HasPrefix(string(b), "HTTP/1.1 101") {
		s.begun()
		<-s.release
	}
	return s.Conn.Write(b)
}
