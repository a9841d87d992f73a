package doorway

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/boson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const generous = 30 * time.Second

func key(n byte) boson.Key { return boson.KeyFromSeed(boson.Seed{n, 0xd0}) }

var (
	node  = key(1)
	super = key(2)
	other = key(3) // a super node too
	thief = key(4) // nobody's
)

// door is a listener of node whose admitted connections come out of in.
type door struct {
	net.Listener
	addr netip.AddrPort
	in   chan *Conn
}

func open(t testing.TB, cfg Config) *door {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Supers == nil {
		cfg.Key, cfg.Supers = node, []boson.ID{other.ID(), super.ID()}
	}
	l, err := Listen(inner, cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Listener: l, addr: netip.MustParseAddrPort(inner.Addr().String()), in: make(chan *Conn, 1000)}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.in <- c.(*Conn)
		}
	})
	t.Cleanup(func() {
		l.Close()
		accepting.Wait()
		close(d.in)
		for c := range d.in {
			c.Close()
		}
	})
	return d
}

func (d *door) next(t testing.TB) *Conn {
	t.Helper()
	select {
	case c := <-d.in:
		return c
	case <-time.After(generous):
		t.Fatal("nobody was let in")
		return nil
	}
}

func TestGatewayAndNode(t *testing.T) {
	d := open(t, Config{})
	for _, gateway := range []boson.Key{super, other} {
		c, err := NewDialer(gateway).Dial(t.Context(), node.ID(), d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		in := d.next(t)
		defer in.Close()
		if c.Peer() != node.ID() || in.Peer() != gateway.ID() {
			t.Fatal("taken for", c.Peer(), in.Peer())
		}
		if c.PrefaceKey() != in.PrefaceKey() || c.PrefaceKey() == [32]byte{} {
			t.Fatal("two keys")
		}
		for _, way := range [][2]net.Conn{{c, in}, {in, c}} {
			go io.WriteString(way[0], "hello")
			b := make([]byte, 5)
			if _, err := io.ReadFull(way[1], b); err != nil || string(b) != "hello" {
				t.Fatal(string(b), err)
			}
		}
	}
	a, err := NewDialer(super).Dial(t.Context(), node.ID(), d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := NewDialer(super).Dial(t.Context(), node.ID(), d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if a.PrefaceKey() == b.PrefaceKey() {
		t.Fatal("two connections have one key")
	}
}

// hello is TLS as a stranger could speak it, to the end of the handshake.
func hello(change func(*tls.Config)) func(net.Conn) error {
	return func(c net.Conn) error {
		own, err := certify(super)
		if err != nil {
			return err
		}
		cfg := settings(own)
		cfg.InsecureSkipVerify = true
		change(cfg)
		return tls.Client(c, cfg).HandshakeContext(context.Background())
	}
}

func offer(protocols ...string) func(net.Conn) error {
	return hello(func(c *tls.Config) { c.NextProtos = protocols })
}

func good() string { return ticket(super, node.ID(), time.Now()) }

func ticket(from boson.Key, to boson.ID, at time.Time) string {
	k, err := ticketKey(from, to)
	if err != nil {
		panic(err)
	}
	return newTicket(k, at)
}

func say(text string) func(net.Conn) error {
	return func(c net.Conn) error {
		_, err := io.WriteString(c, text)
		return err
	}
}

// counting knows how many bytes the other end has sent.
type counting struct {
	net.Conn
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n += n
	return n, err
}

// A stranger gets no byte and the same end, whatever is tried. What a super node
// says does let it in: the control of this test.
func TestStrangersLearnNothing(t *testing.T) {
	d, impatient := open(t, Config{Timeout: generous}), open(t, Config{Timeout: 300 * time.Millisecond})
	spent := good()
	if err := try(t, d, offer(Protocol, spent)); err.err != nil || err.bytes == 0 {
		t.Fatal("the gateway itself:", err)
	}
	d.next(t).Close()
	damaged := []byte(good())
	damaged[len(damaged)-3] ^= 1
	for what, f := range map[string]func(net.Conn) error{
		"no ALPN":              offer(),
		"HTTP's ALPN":          offer("h2", "http/1.1"),
		"ours, no ticket":      offer(Protocol),
		"ours and HTTP's":      offer("h2", Protocol, "http/1.1"),
		"an empty ticket":      offer(Protocol, ticketHead),
		"a ticket of nonsense": offer(Protocol, ticketHead+strings.Repeat("A", 75)),
		"a damaged ticket":     offer(Protocol, string(damaged)),
		"a stranger's ticket":  offer(Protocol, ticket(thief, node.ID(), time.Now())),
		"for another node":     offer(Protocol, ticket(super, thief.ID(), time.Now())),
		"an old ticket":        offer(Protocol, ticket(super, node.ID(), time.Now().Add(-ticketLife-time.Second))),
		"one of the future":    offer(Protocol, ticket(super, node.ID(), time.Now().Add(ticketLife+time.Minute))),
		"a spent ticket":       offer(Protocol, spent),
		"a ticket alone":       offer(good()),
		"a ticket beside HTTP": offer(good(), "h2"),
		"a ticket and a name":  hello(func(c *tls.Config) { c.NextProtos, c.ServerName = []string{Protocol, good()}, "alice.example.org" }),
		"TLS 1.2 with a ticket": hello(func(c *tls.Config) {
			c.NextProtos, c.MinVersion, c.MaxVersion = []string{Protocol, good()}, tls.VersionTLS12, tls.VersionTLS12
		}),
		"clear HTTP":     say("GET / HTTP/1.1\r\nHost: alice.localhost\r\n\r\n"),
		"HTTP/2":         say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		"a PROXY header": say("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02"),
		"garbage":        say(strings.Repeat("\x16\x03\x01\xff", 20_000)),
		"an alert":       say("\x15\x03\x03\x00\x02\x02\x28"),
		"half a record":  say("\x16\x03\x01\x02\x00\x01\x00"),
		"one byte":       say("\x16"),
		"nothing":        say(""),
	} {
		at := d
		if what == "half a record" || what == "one byte" || what == "nothing" { // as long as more may follow
			at = impatient
		}
		if got := try(t, at, f); got.bytes != 0 || !errors.Is(got.err, syscall.ECONNRESET) && !errors.Is(got.err, syscall.EPIPE) {
			t.Errorf("%s: %d bytes, then %v", what, got.bytes, got.err)
		}
	}
	if len(d.in)+len(impatient.in) != 0 {
		t.Fatal("somebody was let in")
	}
	if got := try(t, d, offer(Protocol, good())); got.err != nil {
		t.Fatal("the gateway after them:", got.err)
	}
}

type end struct {
	bytes int
	err   error
}

// try says f to the door and waits for the end of it: nil when TLS came about.
func try(t *testing.T, d *door, f func(net.Conn) error) end {
	t.Helper()
	raw, err := net.Dial("tcp", d.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(generous))
	c := &counting{Conn: raw}
	err = f(c)
	if c.n == 0 && (err == nil || !errors.Is(err, syscall.ECONNRESET)) {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	return end{c.n, err}
}

// A ticket opens the handshake, not the door: the client's key has to be a super node's.
func TestTicketWithAnotherKey(t *testing.T) {
	d := open(t, Config{})
	for what, own := range map[string]boson.Key{"a stranger": thief, "the node itself": node} {
		raw, err := net.Dial("tcp", d.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		raw.SetDeadline(time.Now().Add(generous))
		cert, err := certify(own)
		if err != nil {
			t.Fatal(err)
		}
		cfg := settings(cert)
		cfg.InsecureSkipVerify, cfg.NextProtos = true, []string{Protocol, good()}
		c := tls.Client(raw, cfg)
		if err := c.Handshake(); err == nil { // TLS 1.3: the client is done before the server has looked
			_, err = c.Read(make([]byte, 1))
			if err == nil {
				t.Error(what, "got data")
			}
		}
	}
	if len(d.in) != 0 {
		t.Fatal("somebody was let in")
	}
}

// Who answers with another key than the node's is not talked to.
func TestImpostor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	own, err := certify(thief)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() {
		for range 2 {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tls.Server(c, settings(own)).Handshake()
			c.Close()
		}
	})
	at := netip.MustParseAddrPort(l.Addr().String())
	if c, err := NewDialer(super).Dial(t.Context(), node.ID(), at); !errors.Is(err, ErrKey) {
		t.Fatal(c, err)
	}
	c, err := NewDialer(super).Dial(t.Context(), thief.ID(), at) // the control: the key that is there
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestDialEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // and nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := NewDialer(super).Dial(ctx, node.ID(), netip.MustParseAddrPort(l.Addr().String())); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// However many strangers of one address stand there, others come in.
func TestCrowdOfOneAddress(t *testing.T) {
	d := open(t, Config{PerIP: 3, Timeout: time.Minute})
	gone := make(chan error, 5)
	var strangers []net.Conn
	for range 5 {
		c, err := net.Dial("tcp", d.addr.String())
		if err != nil {
			gone <- err // reset already
			continue
		}
		defer c.Close()
		strangers = append(strangers, c)
		c.SetReadDeadline(time.Now().Add(generous))
		go func() {
			_, err := c.Read(make([]byte, 1))
			gone <- err
		}()
	}
	for range 2 {
		if err := <-gone; !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	}
	if _, err := NewDialer(super).Dial(t.Context(), node.ID(), d.addr); err == nil {
		t.Fatal("a sixth of the address came in")
	}
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	raw, err := from.Dial("tcp", d.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if err := offer(Protocol, good())(raw); err != nil {
		t.Fatal("another address is kept out:", err)
	}
	for _, c := range strangers {
		c.Close()
	}
	for range 3 {
		<-gone
	}
}

func TestBoundOfOpenOnes(t *testing.T) {
	d := open(t, Config{Open: 2})
	var in []*Conn
	for range 2 {
		c, err := NewDialer(super).Dial(t.Context(), node.ID(), d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		in = append(in, d.next(t))
	}
	if _, err := NewDialer(super).Dial(t.Context(), node.ID(), d.addr); err == nil {
		t.Fatal("a third one is open")
	}
	in[0].Close()
	in[0].Close() // which counts once
	// One that breaks off in its handshake takes no place.
	raw, err := net.Dial("tcp", d.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(generous))
	_ = hello(func(c *tls.Config) { // refuses what it is shown
		c.NextProtos = []string{Protocol, good()}
		c.VerifyConnection = func(tls.ConnectionState) error { return errors.New("no") }
	})(raw)
	if _, err := raw.Read(make([]byte, 1<<10)); err == nil {
		io.Copy(io.Discard, raw) // until the other end has given up
	}
	c, err := NewDialer(super).Dial(t.Context(), node.ID(), d.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d.next(t)
}

func TestSpentTicketsAreRemembered(t *testing.T) {
	now := time.Now()
	ts, err := newTickets(node, []boson.ID{super.ID()}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	k, err := ticketKey(super, node.ID())
	if err != nil {
		t.Fatal(err)
	}
	ahead := newTicket(k, now.Add(ticketLife-time.Second)) // good for the longest time that one can be
	both := []string{Protocol, ahead}
	if !ts.spend(both) {
		t.Fatal("a good one is refused")
	}
	for range 200 { // across turns of the memory, to the ticket's end
		now = now.Add(5 * time.Second)
		if ts.spend(both) {
			t.Fatal("spent twice")
		}
		if !ts.spend([]string{newTicket(k, now), Protocol}) {
			t.Fatal("a good one is refused")
		}
	}
	if n := len(ts.spent[0]) + len(ts.spent[1]); n > 2*2*int(ticketLife/time.Second)/5+4 {
		t.Fatalf("%d tickets are remembered", n)
	}
	now = now.Add(-time.Hour) // the clock is set back: it goes on
	if !ts.spend([]string{newTicket(k, now), Protocol}) {
		t.Fatal("refused after the clock was set")
	}
}

func FuzzTicket(f *testing.F) {
	now := time.UnixMilli(1_800_000_000_000)
	k, err := ticketKey(super, node.ID())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(newTicket(k, now))
	f.Add(newTicket(k, now.Add(-time.Hour)))
	f.Add(ticketHead)
	f.Add(ticketHead + "!")
	f.Fuzz(func(t *testing.T, text string) {
		ts, err := newTickets(node, []boson.ID{super.ID()}, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		if !ts.spend([]string{Protocol, text}) {
			return
		}
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, ticketHead))
		if err != nil || string(seal(k, b[:ticketBody])) != string(b[ticketBody:]) {
			t.Fatalf("%q is taken", text)
		}
		if at := time.UnixMilli(int64(binary.BigEndian.Uint64(b))); now.Sub(at).Abs() > ticketLife {
			t.Fatalf("%q of %v is taken", text, at)
		}
	})
}

// Whatever bytes come first, nothing goes out.
func FuzzFirstBytes(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0})
	f.Add(record(f, offer(Protocol)))
	f.Add(record(f, offer(Protocol, ticket(super, node.ID(), time.Now().Add(-time.Hour)))))
	t, err := newTickets(node, []boson.ID{super.ID()}, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	own, err := certify(node)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(test *testing.T, first []byte) {
		h := &house{cfg: Config{PerIP: 10, Open: 10}, tickets: t, shaking: map[netip.Addr]int{}, tls: settings(own)}
		c := &script{in: first}
		if _, err := h.admit(c); err == nil || c.out != 0 {
			test.Fatalf("%d bytes went out: %v", c.out, err)
		}
	})
}

// script is a connection on which all is said already.
type script struct {
	net.Conn
	in  []byte
	out int
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.out += len(p)
	return len(p), nil
}

func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// record is what f sends before it hears anything.
func record(t testing.TB, f func(net.Conn) error) []byte {
	t.Helper()
	c := &heard{}
	_ = f(c) // nobody answers
	return c.said
}

type heard struct {
	script
	said []byte
}

func (h *heard) Write(p []byte) (int, error) {
	h.said = append(h.said, p...)
	return len(p), nil
}
