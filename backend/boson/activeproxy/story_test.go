package activeproxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pc2/backend/boson"
)

func TestEchoStory(t *testing.T) {
	r, d := pair(t, echo)
	if s := d.State().Session; s.Connections != 256 || !strings.HasPrefix(s.Endpoint, "127.0.0.1:") || s.Named != "" {
		t.Errorf("session %+v", s)
	}
	if info, ok := r.Device(deviceA().ID()); !ok || info.User != userB().ID() || info.Endpoint != d.State().Session.Endpoint || len(r.Devices()) != 1 {
		t.Errorf("device %+v %t", info, ok)
	}
	for range 20 {
		v := r.visitor(t)
		roundTrip(t, v, "hello boson")
		roundTrip(t, v, strings.Repeat("0123456789", 30_000))
		v.CloseWrite()
		wantEOF(t, v)
		c := r.dial(t)
		roundTrip(t, c, "hello gateway")
		c.Close()
	}
	r.settled(t)
	if d.LastHeard().IsZero() || time.Since(d.LastHeard()) > time.Minute {
		t.Errorf("last heard %v", d.LastHeard())
	}
}

// The device sees the visitor's address, and knows the gateway by the key that
// both ends compute.
func TestWhoComes(t *testing.T) {
	type seen struct {
		remote net.Addr
		key    [32]byte
	}
	arrived := make(chan seen, 1)
	r, _ := pair(t, func(c net.Conn) {
		arrived <- seen{c.RemoteAddr(), c.(*Conn).PrefaceKey()}
		echo(c)
	})
	v := r.visitor(t)
	if got := within(arrived); got.remote.String() != v.LocalAddr().String() {
		t.Errorf("visitor %v, seen as %v", v.LocalAddr(), got.remote)
	}
	c := r.dial(t)
	if got := within(arrived); got.key != c.PrefaceKey() || got.key == [32]byte{} || got.remote.String() != "0.0.0.0:0" {
		t.Errorf("%v", got)
	}
}

// net/http on both ends: the client as a listener, the server as a dialer.
func TestHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /sum", func(w http.ResponseWriter, req *http.Request) {
		h := sha256.New()
		io.Copy(h, req.Body)
		fmt.Fprintf(w, "%x", h.Sum(nil))
	})
	content := make([]byte, 5<<20+12345)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, req *http.Request) {
		http.ServeContent(w, req, "file", time.Unix(1, 0), bytes.NewReader(content))
	})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, req *http.Request) {
		<-req.Context().Done() // the visitor goes
	})
	r, d := pair(t, nil)
	server := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- server.Serve(d) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return r.DialDevice(ctx, deviceA().ID())
	}}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}

	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			part := content[i*1000:]
			req, _ := http.NewRequest("PUT", "http://device/sum", bytes.NewReader(part))
			if i%2 == 1 {
				req.ContentLength = -1
			}
			res, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			got, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if want := fmt.Sprintf("%x", sha256.Sum256(part)); string(got) != want {
				t.Errorf("upload: %s, want %s", got, want)
			}
			res, err = client.Get("http://device/file")
			if err != nil {
				t.Error(err)
				return
			}
			got, err = io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("download: %d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	// A request that its visitor gives up ends at the device too, and the connection serves on.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://device/stream", nil)
	if _, err := client.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	transport.CloseIdleConnections()
	r.settled(t)
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := within(served); !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	// Close of the listener ended Run.
	if err := within(d.result); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

// The relay is stopped and started: the device makes a new session, on the same
// listener, and finds its port again if the relay kept running.
func TestRelayRestarts(t *testing.T) {
	r, d := pair(t, echo)
	open := r.dial(t)
	roundTrip(t, open, "x")
	r.stop()
	if _, err := open.Read(make([]byte, 1)); !errors.Is(err, ErrLost) || errors.Is(err, io.EOF) {
		t.Errorf("a cut connection says %v", err)
	}
	if err := within(d.result); !errors.Is(err, ErrLost) {
		t.Errorf("Run: %v", err)
	}
	if d.State().Phase != Offline {
		t.Error(d.State())
	}
	if err := d.Run(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Run: %v", err)
	}
	s, err := NewServer(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	again := serveRelay(t, s, r.addr)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { d.result <- d.Run(ctx) }()
	until(t, "online again", func() bool { return d.State().Phase == Online })
	if err := d.Run(ctx); !errors.Is(err, ErrRunning) {
		t.Errorf("a second Run: %v", err)
	}
	c := again.dial(t)
	roundTrip(t, c, "the listener goes on")
	c.Close()
	cancel()
	if err := within(d.result); err != nil {
		t.Errorf("cancelled: %v", err)
	}
}

// A relay stops at once, whatever its visitors do.
func TestStopWithStalledVisitors(t *testing.T) {
	r, d := pair(t, func(c net.Conn) { pour(c, 64<<20) })
	for range 5 {
		r.visitor(t)
		r.dial(t)
	}
	half := r.visitor(t)
	half.CloseWrite()
	time.Sleep(100 * time.Millisecond)
	start := time.Now()
	r.stop()
	if took := time.Since(start); took > visitorLong {
		t.Errorf("it took %v", took)
	}
	if err := within(d.result); !errors.Is(err, ErrLost) || errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// A device that authenticates again replaces its session: the old connections
// are cut and the port stays.
func TestSessionReplaced(t *testing.T) {
	var told []bool
	r := startRelay(t, func(cfg *ServerConfig) { cfg.OnDevice = func(_ Device, online bool) { told = append(told, online) } })
	old := startDevice(t, clientConfig(t, r))
	old.serve(echo)
	endpoint := old.online(t).Endpoint
	c, v := r.dial(t), r.visitor(t)
	roundTrip(t, c, "x")
	roundTrip(t, v, "x")

	young := startDevice(t, clientConfig(t, r))
	young.serve(echo)
	if again := young.online(t).Endpoint; again != endpoint {
		t.Errorf("the port moved from %s to %s", endpoint, again)
	}
	if err := within(old.result); !errors.Is(err, ErrLost) {
		t.Errorf("the old session: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, ErrLost) || errors.Is(err, io.EOF) {
		t.Errorf("an old connection: %v", err)
	}
	if n, err := v.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a cut visitor sees a clean end: %v", err)
	}
	roundTrip(t, r.dial(t), "new")
	roundTrip(t, r.visitor(t), "new")

	r.End(deviceA().ID())
	if err := within(young.result); !errors.Is(err, ErrLost) {
		t.Errorf("an ended session: %v", err)
	}
	if _, err := r.DialDevice(t.Context(), deviceA().ID()); !errors.Is(err, ErrOffline) {
		t.Error(err)
	}
	r.stop()
	if fmt.Sprint(told) != "[true false]" {
		t.Errorf("told %v", told)
	}
}

// Whoever waits for a device goes over to its next session.
func TestWaitersMoveOn(t *testing.T) {
	r := startRelay(t, nil)
	one := newReference(t, deviceA())
	w := one.auth(r.connect(t))
	result := make(chan error, 2)
	for range 2 { // one is called, one waits
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			c, err := r.DialDevice(ctx, deviceA().ID())
			if err == nil {
				c.Close()
			}
			result <- err
		}()
	}
	w.want(connect)
	d := startDevice(t, clientConfig(t, r))
	d.serve(echo)
	for range 2 {
		if err := within(result); err != nil {
			t.Error(err)
		}
	}
}

func TestNamedEndpoint(t *testing.T) {
	r := startRelay(t, func(cfg *ServerConfig) {
		cfg.Host = "relay.example.org"
		cfg.NamedEndpoint = func(device boson.ID) string { return "alice.example.org" }
	})
	cfg := clientConfig(t, r)
	cfg.Name = true
	d := startDevice(t, cfg)
	if s := d.online(t); s.Named != "alice.example.org" || !strings.HasPrefix(s.Endpoint, "relay.example.org:") {
		t.Errorf("%+v", s)
	}
	cfg.Name, cfg.Device = false, boson.DeviceKeyFromSeed(seed(9))
	if s := startDevice(t, cfg).online(t); s.Named != "" {
		t.Errorf("%+v", s)
	}
}

func TestPortOfRange(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	r := startRelay(t, func(cfg *ServerConfig) { cfg.Ports = PortRange{port, port} })
	d := startDevice(t, clientConfig(t, r))
	d.serve(echo)
	if s := d.online(t); s.Endpoint != fmt.Sprintf("127.0.0.1:%d", port) {
		t.Errorf("%+v", s)
	}
	roundTrip(t, r.visitor(t), "hello")
}

func TestConfigs(t *testing.T) {
	for _, bad := range []PortRange{{0, 5}, {5, 4}, {1, 65536}, {-1, -1}} {
		if _, err := NewServer(ServerConfig{Key: serverS(), OpenRelay: true, Ports: bad}); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	if _, err := NewServer(ServerConfig{Key: serverS()}); err == nil {
		t.Error("a relay that nobody may use, or everybody, unasked")
	}
	for _, bad := range []ClientConfig{
		{}, {Relay: "x:1"}, {Relay: "x:1", User: userB().ID()}, {Relay: "x:1", User: userB().ID(), Peer: boson.ID{1}},
	} {
		if _, err := NewClient(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// A visitor half-closes and still gets the whole answer of our device.
func TestHalfClose(t *testing.T) {
	r, _ := pair(t, func(c net.Conn) {
		question, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(c, "%s%s", question, strings.Repeat("!", 1<<20))
	})
	v := r.visitor(t)
	io.WriteString(v, "why")
	v.CloseWrite()
	if answer, err := io.ReadAll(v); err != nil || len(answer) != 3+1<<20 {
		t.Errorf("%d bytes, %v", len(answer), err)
	}
	c := r.dial(t)
	io.WriteString(c, "why")
	c.CloseWrite()
	if answer, err := io.ReadAll(c); err != nil || len(answer) != 3+1<<20 {
		t.Errorf("%d bytes, %v", len(answer), err)
	}
	c.Close()
	r.settled(t)
}

// The last bytes of a device that closes early, while the visitor still sends,
// reach it.
func TestEarlyAnswer(t *testing.T) {
	r, _ := pair(t, func(c net.Conn) {
		io.ReadFull(c, make([]byte, 10))
		io.WriteString(c, "too large")
	})
	for range 20 {
		v := r.visitor(t)
		go pour(v, 3<<20)
		answer, err := io.ReadAll(v)
		if string(answer) != "too large" {
			t.Fatalf("%q, %v", answer, err)
		}
		v.Close()
	}
	r.settled(t)
}
