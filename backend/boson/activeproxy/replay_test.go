package activeproxy

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"pc2/backend/boson"
)

// wire is the other end of a connection, packet by packet, without any of the
// code that it tests but the frame table.
type wire struct {
	net.Conn
	t testing.TB
}

func (r *relay) connect(t testing.TB) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &wire{conn, t}
}

// next reads one packet.
func (w *wire) next() []byte {
	w.t.Helper()
	p, err := w.read()
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *wire) read() ([]byte, error) {
	p := make([]byte, 2)
	if _, err := io.ReadFull(w, p); err != nil {
		return nil, err
	}
	p = append(p, make([]byte, int(p[0])<<8+int(p[1])-2)...)
	_, err := io.ReadFull(w, p[2:])
	return p, err
}

func (w *wire) want(k kind) []byte {
	w.t.Helper()
	p := w.next()
	if got := kindOf(p[2]); got != k {
		w.t.Fatalf("%s, want %s", got, k)
	}
	return p
}

func (w *wire) send(p []byte) {
	w.t.Helper()
	if _, err := w.Write(p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) bare(k kind) { w.t.Helper(); w.send(appendBare(nil, k, dice{})) }

// closed wants the other side to close without another packet.
func (w *wire) closed() {
	w.t.Helper()
	if p, err := w.read(); err == nil {
		w.t.Fatalf("%s, want the end", kindOf(p[2]))
	} else if e, ok := err.(net.Error); ok && e.Timeout() {
		w.t.Fatal("still open")
	}
}

// The packets of a running reference client, byte for byte, against our server,
// which is dealt the challenges and the session key of the recording.
func TestReferenceClientReplayed(t *testing.T) {
	v := load(t)
	packet := func(name string) []byte { return unhex(t, v.live(t, name).Hex) }
	challenges := make(chan []byte, 2)
	challenges <- unhex(t, v.live(t, "AUTH").Keys.Challenge)
	challenges <- unhex(t, v.live(t, "ATTACH").Keys.Challenge)
	keys := v.live(t, "CONNECT").Keys

	s, err := NewServer(ServerConfig{Key: serverS(), Connections: 4, Log: logger(t), Authorize: func(device, user boson.ID) error {
		if device != deviceA().ID() || user != userB().ID() {
			t.Errorf("device %s of %s", device, user)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.challenge = func() []byte { return <-challenges }
	s.sessionKey = func() boson.BoxKey { return boson.BoxKeyFromSecret([32]byte(unhex(t, keys.ServerSessionSecret))) }
	r := serveRelay(t, s, "127.0.0.1:0")

	one := r.connect(t)
	one.next() // CHALLENGE
	one.send(packet("AUTH"))
	ack := one.want(authAck)
	plain, err := boson.NewContext(peerBox(t)).Open(nil, ack[headerSize:])
	if err != nil {
		t.Fatal(err)
	}
	granted, err := decodeAuthAck(plain)
	if err != nil || granted.connections != 4 || granted.named != "" {
		t.Errorf("%+v, %v", granted, err)
	}
	wantHex(t, "session key", granted.session[:], v.live(t, "AUTH_ACK").Decoded.ServerSessionPk)

	two := r.connect(t)
	two.next()
	two.send(packet("ATTACH"))
	two.want(attachAck)
	for _, w := range []*wire{one, two} {
		w.send(packet("PING"))
		w.want(pingAck)
		w.send(packet("PING without padding"))
		w.want(pingAck)
	}
	until(t, "two connections", func() bool { d, _ := r.Device(deviceA().ID()); return d.Connections == 2 })

	two.Close()
	until(t, "one connection", func() bool { d, _ := r.Device(deviceA().ID()); return d.Connections == 1 })

	shared := sharedBox(unhex(t, keys.SessionKey))
	open := func(p []byte) []byte {
		t.Helper()
		nonce := boson.Nonce(p[headerSize:])
		plain, err := shared.Open(nil, p[headerSize+boson.NonceSize:], &nonce)
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	visit := func(answer string) *net.TCPConn {
		t.Helper()
		visitor := r.visitor(t)
		address, err := decodeConnect(open(one.want(connect)))
		if err != nil || address != netip.MustParseAddrPort(visitor.LocalAddr().String()) {
			t.Errorf("CONNECT from %v, %v", address, err)
		}
		one.send(packet(answer))
		return visitor
	}

	t.Log("declined, then taken")
	if n, err := visit("CONNECT_ACK failure").Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a declined visitor stays")
	}
	visitor := visit("CONNECT_ACK success")
	io.WriteString(visitor, "hello client")
	if got := open(one.want(data)); string(got) != "hello client" {
		t.Errorf("DATA %q", got)
	}
	one.send(packet("DATA client to server"))
	got := make([]byte, 11)
	if _, err := io.ReadFull(visitor, got); err != nil || string(got) != "hello boson" {
		t.Errorf("%q, %v", got, err)
	}

	t.Log("the client ends first")
	one.send(packet("DISCONNECT client to server"))
	one.want(disconnectAck)
	wantEOF(t, visitor)
	one.want(disconnect)
	one.send(packet("DISCONNECT_ACK client to server"))

	t.Log("the visitor ends first")
	visitor = visit("CONNECT_ACK success")
	visitor.Close()
	one.want(disconnect)
	one.send(packet("DISCONNECT_ACK client to server"))
	one.send(packet("DISCONNECT client to server"))
	one.want(disconnectAck)

	t.Log("the same DATA again")
	visitor = visit("CONNECT_ACK success")
	one.send(packet("DATA client to server"))
	one.closed()
	if n, err := visitor.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a repeated packet reached the visitor")
	}
}
