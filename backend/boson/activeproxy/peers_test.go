package activeproxy

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"

	"pc2/backend/boson"
)

// reference is a scripted device in the manner of the reference client: its
// test says packet by packet what it sends.
type reference struct {
	t       testing.TB
	key     boson.DeviceKey
	session boson.BoxKey
	peer    *boson.Context
	channel *boson.Context
	granted authAckBody
}

func newReference(t testing.TB, key boson.DeviceKey) *reference {
	t.Helper()
	b, err := key.Box(serverS().ID())
	if err != nil {
		t.Fatal(err)
	}
	return &reference{t: t, key: key, session: boson.NewBoxKey(), peer: boson.NewContext(b)}
}

func (r *reference) authPacket(challenge []byte) []byte {
	body := authBody{user: userB().ID(), session: r.session.Public(), signature: [64]byte(r.key.SignChallenge(challenge))}
	return body.encode(r.key.ID(), r.peer, dice{})
}

func (r *reference) attachPacket(challenge []byte) []byte {
	body := attachBody{session: r.session.Public(), signature: [64]byte(r.key.SignChallenge(challenge))}
	return body.encode(r.key.ID(), r.peer, dice{})
}

// auth makes the session on w.
func (r *reference) auth(w *wire) *wire {
	r.t.Helper()
	w.send(r.authPacket(w.next()[2:]))
	plain, err := r.peer.Open(nil, w.want(authAck)[headerSize:])
	if err != nil {
		r.t.Fatal(err)
	}
	if r.granted, err = decodeAuthAck(plain); err != nil {
		r.t.Fatal(err)
	}
	b, err := r.session.Box(r.granted.session)
	if err != nil {
		r.t.Fatal(err)
	}
	r.channel = boson.NewContext(b)
	return w
}

func (r *reference) attach(w *wire) *wire {
	r.t.Helper()
	w.send(r.attachPacket(w.next()[2:]))
	w.want(attachAck)
	return w
}

func (r *reference) open(p []byte) []byte {
	r.t.Helper()
	plain, err := r.channel.Open(nil, p[headerSize:])
	if err != nil {
		r.t.Fatal(err)
	}
	return plain
}

func (r *reference) data(w *wire, text string) {
	r.t.Helper()
	w.send(appendData(nil, []byte(text), r.channel, dice{}))
}

// accept takes the next visitor.
func (r *reference) accept(w *wire) netip.AddrPort {
	r.t.Helper()
	a, err := decodeConnect(r.open(w.want(connect)))
	if err != nil {
		r.t.Fatal(err)
	}
	w.send(encodeConnectAck(true, dice{}))
	return a
}

// leave ends a tunnel from the device's side.
func (r *reference) leave(w *wire) {
	r.t.Helper()
	w.bare(disconnect)
	w.want(disconnectAck)
	w.want(disconnect)
	w.bare(disconnectAck)
}

// world is a relay on a memnet, in a bubble of virtual time.
type world struct {
	*Server
	t    *testing.T
	net  *memnet
	stop func()
}

const relayAddress = "198.51.100.1:8090"

// virtual runs test in virtual time.
func virtual(t *testing.T, change func(*ServerConfig), test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := ServerConfig{Key: serverS(), OpenRelay: true, Log: logger(t)}
		if change != nil {
			change(&cfg)
		}
		s, err := NewServer(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{Server: s, t: t, net: newMemnet()}
		w.start()
		defer func() { w.stop() }()
		test(t, w)
	})
}

func (w *world) start() {
	w.ports.listen = w.net.listen
	l, err := w.net.listen(w.t.Context(), relayAddress)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, l) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		w.stop = func() {}
	}
}

func (w *world) connect() *wire { return w.reach(relayAddress) }

func (w *world) reach(address string) *wire {
	w.t.Helper()
	conn, err := w.net.dial(w.t.Context(), "tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	return &wire{conn, w.t}
}

// visitor connects to the mapped port of r's session.
func (w *world) visitor(r *reference) net.Conn {
	w.t.Helper()
	return w.reach(r.granted.endpoint).Conn
}

// device starts a real Client in the bubble.
func (w *world) device(change func(*ClientConfig)) *device {
	w.t.Helper()
	cfg := ClientConfig{
		Relay: relayAddress, Peer: serverS().ID(), Device: deviceA(), User: userB().ID(), Log: logger(w.t), Dial: w.net.dial,
	}
	if change != nil {
		change(&cfg)
	}
	return startVirtual(w.t, cfg)
}

// startVirtual starts a Client in a bubble, whose clock must not run while it ends.
func startVirtual(t *testing.T, cfg ClientConfig) *device {
	t.Helper()
	return runDevice(t, cfg, func(ended <-chan struct{}) { <-ended })
}

// fakeRelay is a scripted relay for a real Client in a bubble.
type fakeRelay struct {
	t       *testing.T
	net     *memnet
	l       net.Listener
	session boson.BoxKey
	peer    *boson.Context
	channel *boson.Context
	client  boson.BoxPublic
}

func newFakeRelay(t *testing.T) *fakeRelay {
	t.Helper()
	n := newMemnet()
	l, err := n.listen(t.Context(), relayAddress)
	if err != nil {
		t.Fatal(err)
	}
	b, err := serverS().Box(deviceA().ID())
	if err != nil {
		t.Fatal(err)
	}
	return &fakeRelay{t: t, net: n, l: l, session: boson.NewBoxKey(), peer: boson.NewContext(b)}
}

func (f *fakeRelay) device(change func(*ClientConfig)) *device {
	w := &world{t: f.t, net: f.net}
	return w.device(change)
}

// accept takes a connection and says CHALLENGE.
func (f *fakeRelay) accept() *wire {
	f.t.Helper()
	conn, err := f.l.Accept()
	if err != nil {
		f.t.Fatal(err)
	}
	w := &wire{conn, f.t}
	w.send(encodeChallenge(newChallenge()))
	return w
}

// grant answers AUTH.
func (f *fakeRelay) grant(w *wire, ack authAckBody) {
	f.t.Helper()
	_, sealed := sealedFor(w.want(auth))
	plain, err := f.peer.Open(nil, sealed)
	if err != nil {
		f.t.Fatal(err)
	}
	asked, err := decodeAuth(plain)
	if err != nil {
		f.t.Fatal(err)
	}
	f.client = asked.session
	b, err := f.session.Box(f.client)
	if err != nil {
		f.t.Fatal(err)
	}
	f.channel = boson.NewContext(b)
	ack.session = f.session.Public()
	if ack.endpoint == "" {
		ack.endpoint = "203.0.113.10:25000"
	}
	w.send(ack.encode(f.peer, dice{}))
}

func (f *fakeRelay) connect(w *wire) {
	f.t.Helper()
	w.send(encodeConnect(netip.MustParseAddrPort("198.51.100.7:50000"), f.channel, dice{}))
}
