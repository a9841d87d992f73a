package activeproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/boson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func seed(b byte) (s boson.Seed) {
	for i := range s {
		s[i] = b + byte(i)
	}
	return s
}

// The keys of the vectors.
func keyOf(first byte) boson.Key { return boson.KeyFromSeed(seed(first)) }

var (
	nodeA   = func() boson.Key { return keyOf(0x00) }
	userB   = func() boson.Key { return keyOf(0x20) }
	serverS = func() boson.Key { return keyOf(0x40) }
	deviceA = func() boson.DeviceKey { return boson.DeviceKeyFromSeed(seed(0x00)) }
)

type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSpace(string(b)))
	return len(b), nil
}

func logger(t testing.TB) *slog.Logger {
	if os.Getenv("RELAY_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// relay is a running Server.
type relay struct {
	*Server
	addr string
	stop func()
}

func startRelay(t testing.TB, change func(*ServerConfig)) *relay {
	t.Helper()
	cfg := ServerConfig{Key: serverS(), OpenRelay: true, Log: logger(t)}
	if change != nil {
		change(&cfg)
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return serveRelay(t, s, "127.0.0.1:0")
}

func serveRelay(t testing.TB, s *Server, addr string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	var once sync.Once
	r := &relay{Server: s, addr: l.Addr().String()}
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := within(done); err != nil {
				t.Errorf("server: %v", err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

// within waits for what must come soon.
func within[T any](c <-chan T) (v T) {
	select {
	case v = <-c:
		return v
	case <-time.After(time.Minute):
		panic("nothing came within a minute")
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// device is a running Client.
type device struct {
	*Client
	stop   func()
	result chan error
}

func clientConfig(t testing.TB, r *relay) ClientConfig {
	return ClientConfig{Relay: r.addr, Peer: serverS().ID(), Device: deviceA(), User: userB().ID(), Log: logger(t)}
}

func startDevice(t testing.TB, cfg ClientConfig) *device {
	t.Helper()
	d := runDevice(t, cfg, func(ended <-chan struct{}) { within(ended) })
	t.Cleanup(d.stop)
	return d
}

// runDevice starts a Client; its stop waits for the end as await does.
func runDevice(t testing.TB, cfg ClientConfig, await func(ended <-chan struct{})) *device {
	t.Helper()
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{Client: c, result: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.result <- c.Run(ctx)
	}()
	d.stop = func() {
		cancel()
		await(ended)
		c.Close()
	}
	return d
}

func (d *device) online(t testing.TB) Session {
	t.Helper()
	until(t, "online", func() bool { return d.State().Phase == Online })
	return d.State().Session
}

// serve accepts with handle in a goroutine for each, until the device is closed.
func (d *device) serve(handle func(net.Conn)) {
	go func() {
		for {
			conn, err := d.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
}

func echo(conn net.Conn) { io.Copy(conn, conn) }

// pair is a relay with a device that serves handle.
func pair(t testing.TB, handle func(net.Conn)) (*relay, *device) {
	t.Helper()
	r := startRelay(t, nil)
	d := startDevice(t, clientConfig(t, r))
	if handle != nil {
		d.serve(handle)
	}
	d.online(t)
	return r, d
}

// visitor connects to the mapped port.
func (r *relay) visitor(t testing.TB) *net.TCPConn {
	t.Helper()
	info, ok := r.Device(deviceA().ID())
	if !ok {
		t.Fatal("no session")
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", info.Port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*net.TCPConn)
}

func (r *relay) dial(t testing.TB) *Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := r.DialDevice(ctx, deviceA().ID())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*Conn)
}

func (r *relay) settled(t testing.TB) {
	t.Helper()
	until(t, "all connections idle", func() bool {
		info, ok := r.Device(deviceA().ID())
		return ok && info.Busy == 0 && info.Connections > 0
	})
}

func roundTrip(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("%.50q came back as %.50q, %v", text, got, err)
	}
}

func wantEOF(t testing.TB, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("%d bytes, %v; want EOF", n, err)
	}
}
