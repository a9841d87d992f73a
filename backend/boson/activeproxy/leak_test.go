package activeproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pc2/backend/boson"
)

// descriptors counts the open files of this process.
func descriptors(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(entries)
}

// leaks remembers what is open, and returns a check that it is no more later, but
// for further idle connections of the device: they take a descriptor and a goroutine at each end.
func leaks(t testing.TB, r *relay) (check func()) {
	t.Helper()
	connections := func() (n int) {
		for _, d := range r.Devices() {
			n += d.Connections
		}
		return n
	}
	until(t, "spare connections", func() bool { return len(r.Devices()) == 0 || connections() >= 2 })
	time.Sleep(20 * time.Millisecond) // the goroutine that dialled
	files, goroutines, linked := descriptors(t), runtime.NumGoroutine(), connections()
	return func() {
		t.Helper()
		var f, g, more int
		limit := time.Now().Add(time.Minute)
		for {
			more = 2 * (connections() - linked)
			if f, g = descriptors(t), runtime.NumGoroutine(); f <= files+more && g <= goroutines+more {
				return
			}
			if time.Now().After(limit) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		buf := make([]byte, 1<<20)
		t.Errorf("%d descriptors, at first %d; %d goroutines, at first %d; %d for further connections\n%s",
			f, files, g, goroutines, more, buf[:runtime.Stack(buf, true)])
	}
}

// pour writes n bytes as a program that serves large files does.
func pour(w io.Writer, n int64) {
	buf := make([]byte, 256<<10)
	for n > 0 {
		m, err := w.Write(buf[:min(n, int64(len(buf)))])
		if err != nil {
			return
		}
		n -= int64(m)
	}
}

func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// Visitors vanish in every state, by FIN and by RST, some reading, some not. Then
// nothing is left of them, and the connections serve on.
func TestVisitorsVanish(t *testing.T) {
	r, d := pair(t, func(c net.Conn) {
		var mode [1]byte
		if _, err := io.ReadFull(c, mode[:]); err != nil {
			return
		}
		switch mode[0] {
		case 'e':
			echo(c)
		case 'p':
			pour(c, 8<<20)
		case 's': // takes nothing
			time.Sleep(300 * time.Millisecond)
		}
	})
	leave := map[string]func(*net.TCPConn){
		"FIN":  func(c *net.TCPConn) { c.Close() },
		"RST":  reset,
		"half": func(c *net.TCPConn) { c.CloseWrite(); time.Sleep(20 * time.Millisecond); c.Close() },
	}
	states := map[string]func(*net.TCPConn){
		"at once":        func(c *net.TCPConn) {},
		"after a moment": func(c *net.TCPConn) { time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond) },
		"with a request": func(c *net.TCPConn) { io.WriteString(c, "e") },
		"in an answer":   func(c *net.TCPConn) { io.WriteString(c, "p"); io.ReadFull(c, make([]byte, 100_000)) },
		"in an answer that it does not read": func(c *net.TCPConn) {
			io.WriteString(c, "p")
			time.Sleep(50 * time.Millisecond)
		},
		"in an upload":                    func(c *net.TCPConn) { io.WriteString(c, "e"); c.Write(make([]byte, 100_000)) },
		"in an upload that nobody reads":  func(c *net.TCPConn) { c.SetDeadline(time.Now().Add(50 * time.Millisecond)); pour(c, 1<<20) },
		"in an upload to a busy program ": func(c *net.TCPConn) { io.WriteString(c, "s"); go pour(c, 8<<20); time.Sleep(50 * time.Millisecond) },
	}
	check := leaks(t, r)
	var wg sync.WaitGroup
	for range 3 {
		for _, state := range states {
			for _, leave := range leave {
				wg.Go(func() {
					c, err := net.Dial("tcp", d.State().Session.Endpoint)
					if err != nil {
						t.Error(err)
						return
					}
					state(c.(*net.TCPConn))
					leave(c.(*net.TCPConn))
				})
			}
		}
		wg.Wait()
	}
	r.settled(t)
	session := r.session(deviceA().ID())
	until(t, "no visitors", func() bool {
		session.mu.Lock()
		defer session.mu.Unlock()
		return session.strange == 0 && len(session.visitors) == 0 && session.waiting.Len() == 0
	})
	check()
	for range 20 {
		c := r.dial(t)
		io.WriteString(c, "e")
		roundTrip(t, c, "echo")
		c.Close()
	}
	r.settled(t)
	check()
	d.stop()
	r.stop()
	check()
}

// Callers of DialDevice give up in every state.
func TestGatewayVanishes(t *testing.T) {
	r, d := pair(t, func(c net.Conn) { pour(c, 1<<20); echo(c) })
	check := leaks(t, r)
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(3000))*time.Microsecond)
			defer cancel()
			c, err := r.DialDevice(ctx, deviceA().ID())
			if err != nil {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				return
			}
			io.ReadFull(c, make([]byte, rand.IntN(1<<20)))
			c.Close()
		})
	}
	wg.Wait()
	r.settled(t)
	check()
	d.stop()
	r.stop()
	check()
}

// Connections are cut at any moment, by the relay's or the device's system.
func TestConnectionsCut(t *testing.T) {
	r := startRelay(t, nil)
	var mu sync.Mutex
	var open []net.Conn
	cfg := clientConfig(t, r)
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
		}
		return c, err
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	check := leaks(t, r)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan bool)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := c.Run(ctx); err != nil && !errors.Is(err, ErrLost) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrUnreachable) {
				t.Error(err)
			}
		}
	}()
	d := &device{Client: c}
	d.serve(echo)
	var wg sync.WaitGroup
	rounds := 0
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				dial, cancel := context.WithTimeout(ctx, time.Second)
				conn, err := r.DialDevice(dial, deviceA().ID())
				cancel()
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				sent := make([]byte, 10_000)
				rand.NewChaCha8([32]byte{1}).Read(sent)
				conn.Write(sent)
				got := make([]byte, len(sent))
				if _, err := io.ReadFull(conn, got); err == nil {
					if !bytes.Equal(sent, got) {
						t.Error("other bytes came back")
					}
					mu.Lock()
					rounds++
					mu.Unlock()
				}
				conn.Close()
			}
		})
	}
	for range 60 {
		time.Sleep(10 * time.Millisecond)
		mu.Lock()
		if len(open) > 0 {
			i := rand.IntN(len(open))
			if rand.IntN(2) == 0 {
				open[i].(*net.TCPConn).SetLinger(0)
			}
			open[i].Close()
			open = append(open[:i], open[i+1:]...)
		}
		mu.Unlock()
	}
	cancel()
	wg.Wait()
	within(done)
	c.Close()
	if rounds < 10 {
		t.Errorf("only %d round trips", rounds)
	}
	r.stop()
	check()
}

// 500 connections that say nothing, from one address and at once, and the relay
// is as good as before: for a new device of that same address too.
func TestIdleGuests(t *testing.T) {
	r, _ := pair(t, echo)
	check := leaks(t, r)
	var guests []net.Conn
	for range 500 {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		guests = append(guests, c)
	}
	c := r.dial(t)
	roundTrip(t, c, "hello")
	c.Close()
	cfg := clientConfig(t, r)
	cfg.Device = boson.DeviceKeyFromSeed(seed(9))
	other := startDevice(t, cfg)
	other.serve(echo)
	other.online(t)
	conn, err := r.DialDevice(t.Context(), cfg.Device.ID())
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, conn, "hello")
	conn.Close()
	r.door.mu.Lock()
	inside := r.door.all.Len()
	r.door.mu.Unlock()
	if inside > r.cfg.GuestsPerIP {
		t.Errorf("%d guests of one address", inside)
	}
	for _, c := range guests {
		c.Close()
	}
	other.stop()
	until(t, "nobody at the door", func() bool {
		r.door.mu.Lock()
		defer r.door.mu.Unlock()
		return r.door.all.Len() == 0 && len(r.door.byPlace) == 0
	})
	r.End(cfg.Device.ID())
	check()
}

// Slow visitors hold their own connections and nobody else's.
func TestSlowVisitorsHoldNobody(t *testing.T) {
	r, _ := pair(t, func(c net.Conn) {
		var mode [1]byte
		io.ReadFull(c, mode[:])
		if mode[0] == 'p' {
			pour(c, 64<<20)
			return
		}
		c.Write(mode[:])
		echo(c)
	})
	for i := range 20 {
		if i%2 == 0 {
			io.WriteString(r.visitor(t), "p") // and reads nothing
			continue
		}
		c := r.dial(t)
		io.WriteString(c, "p")
	}
	time.Sleep(100 * time.Millisecond) // their buffers fill
	fast := r.dial(t)
	roundTrip(t, fast, "e")
	start := time.Now()
	roundTrip(t, fast, string(make([]byte, 200_000)))
	for range 20 {
		roundTrip(t, fast, "ping")
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("20 round trips took %v", d)
	}
}

// Whatever challenge a relay chooses, what it gets is no signature of the node.
func TestNoSignatureOfTheNode(t *testing.T) {
	node := nodeA()
	challenges := [][]byte{
		[]byte("pc2-name-v1\n" + `{"nodeId":"` + node.ID().String() + `","op":"register","username":"alice"}`),
		bytes.Repeat([]byte{7}, 32), // the digest of a DHT record
		newChallenge(), newChallenge(),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	device := node.RelayDevice(serverS().ID())
	if device.ID() == node.ID() {
		t.Fatal("the device is the node")
	}
	for _, challenge := range challenges {
		c, err := NewClient(ClientConfig{Relay: l.Addr().String(), Peer: serverS().ID(), Device: device, User: node.ID()})
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() { result <- c.Run(t.Context()) }()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		w := &wire{conn, t}
		w.send(encodeChallenge(challenge))
		id, sealed := sealedFor(w.want(auth))
		b, err := serverS().Box(id)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := boson.NewContext(b).Open(nil, sealed)
		if err != nil {
			t.Fatal(err)
		}
		asked, err := decodeAuth(plain)
		if err != nil || id != device.ID() || asked.user != node.ID() {
			t.Fatal("not the device", err)
		}
		if !boson.Verify(id, challenge, asked.signature[:]) {
			t.Error("the device signed something else")
		}
		// In the clear or in the box, no 64 bytes are a signature of the node.
		for _, bytes := range [][]byte{plain, sealed, id[:]} {
			for i := range len(bytes) - 63 {
				if boson.Verify(node.ID(), challenge, bytes[i:i+64]) {
					t.Error("the node has signed")
				}
			}
		}
		conn.Close()
		if err := within(result); !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
	}
}

// What an idle connection and an idle tunnel cost in the Go heap and stacks, both
// ends together.
func TestIdleMemory(t *testing.T) {
	const n = 100
	r, _ := pair(t, echo)
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := used()
	var open []*Conn
	for range n {
		c := r.dial(t)
		roundTrip(t, c, string(make([]byte, 100_000)))
		open = append(open, c)
	}
	time.Sleep(50 * time.Millisecond)
	tunnels := int(used()-before) / n
	for _, c := range open {
		c.Close()
	}
	r.settled(t)
	links := int(used()-before) / n
	t.Logf("%d bytes for an idle tunnel, %d for an idle connection, both ends", tunnels, links)
	if tunnels > 96<<10 || links > 48<<10 {
		t.Errorf("an idle tunnel takes %d bytes, an idle connection %d", tunnels, links)
	}
}

// What is posted goes out, whoever has the lock in that moment, and nobody has
// to post again.
func TestPostIsNeverForgotten(t *testing.T) {
	a, b := memPipe("192.0.2.1:1", "192.0.2.2:2")
	hooked := &hookedConn{memConn: a}
	l := newLink(hooked, newBuffers(), false)
	w := &wire{b, t}
	var in []kind
	hooked.write = func() { // the writer has the lock
		if len(in) > 0 {
			l.post(1 << slices.Index(postings[:], in[0]))
			in = in[1:]
		}
	}
	in = []kind{ping, disconnectAck, disconnect}
	if err := l.send(encodeConnectAck(true, dice{})); err != nil {
		t.Fatal(err)
	}
	b.SetDeadline(time.Now().Add(time.Minute))
	for _, k := range []kind{connectAck, ping, disconnectAck, disconnect} {
		w.want(k)
	}
	hooked.write = func() {}
	for range 2000 {
		sent := make(chan error, 1)
		go func() { sent <- l.send(encodeConnectAck(true, dice{})) }()
		l.post(postPing)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		for range 2 {
			w.next()
		}
	}
	l.fail(errStopped)
	b.Close()
}

type hookedConn struct {
	*memConn
	write func()
}

func (c *hookedConn) Write(p []byte) (int, error) {
	c.write()
	return c.memConn.Write(p)
}
