package activeproxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pc2/backend/boson"
)

func resize(p []byte, size int) []byte {
	p = bytes.Clone(p)
	binary.BigEndian.PutUint16(p, uint16(size))
	return p
}

// What a stranger may send instead of AUTH or ATTACH. Each closes the connection
// at once, and the session that exists feels nothing.
func TestServerRefusesGuests(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		known := newReference(t, deviceA())
		kept := known.auth(w.connect())
		stranger := func() *reference { return newReference(t, boson.DeviceKeyFromSeed(seed(9))) }
		with := func(change func(*authBody)) func([]byte) []byte {
			return func(challenge []byte) []byte {
				r := stranger()
				body := authBody{user: userB().ID(), session: r.session.Public(), signature: [64]byte(r.key.SignChallenge(challenge))}
				change(&body)
				return body.encode(r.key.ID(), r.peer, dice{})
			}
		}
		plain := func(k kind, plain []byte) []byte {
			r := stranger()
			id := r.key.ID()
			return finish(r.peer.Seal(append(begin(nil, k, dice{}), id[:]...), plain))
		}
		earlier := w.connect().next()[2:] // a challenge of another connection
		var replayed []byte
		{
			c := w.connect()
			replayed = stranger().authPacket(c.next()[2:])
			c.send(replayed)
			c.want(authAck)
		}
		guests := map[string]func(challenge []byte) []byte{
			"bad signature":       with(func(a *authBody) { a.signature[5] ^= 1 }),
			"other challenge":     func([]byte) []byte { return stranger().authPacket(earlier) },
			"replayed AUTH":       func([]byte) []byte { return replayed },
			"zero session key":    with(func(a *authBody) { a.session = boson.BoxPublic{} }),
			"signature of a user": with(func(a *authBody) { a.signature = [64]byte(userB().Sign(earlier)) }),
			"replayed ATTACH":     func([]byte) []byte { return known.attachPacket(earlier) },
			"ATTACH, bad signature": func(c []byte) []byte {
				body := attachBody{session: known.session.Public()}
				return body.encode(known.key.ID(), known.peer, dice{})
			},
			"ATTACH, undecryptable": func(c []byte) []byte {
				p := known.attachPacket(c)
				p[100] ^= 1
				return p
			},
			"version 2": func(c []byte) []byte {
				p := make([]byte, authSize)
				p[1] = 2
				return plain(auth, p)
			},
			"short box": func([]byte) []byte { return resize(append(plain(auth, make([]byte, authSize-1)), 0), 206) },
			"undecryptable": func(c []byte) []byte {
				p := stranger().authPacket(c)
				p[150] ^= 1
				return p
			},
			"device is no key": func(c []byte) []byte {
				p := stranger().authPacket(c)
				copy(p[3:35], bytes.Repeat([]byte{0xff}, 32))
				return p
			},
			"device of small order": func(c []byte) []byte {
				p := stranger().authPacket(c)
				copy(p[3:35], make([]byte, 32))
				return p
			},
			"other service": func(c []byte) []byte {
				r := stranger()
				b, _ := r.key.Box(nodeA().ID())
				body := authBody{session: r.session.Public(), signature: [64]byte(r.key.SignChallenge(c))}
				return body.encode(r.key.ID(), boson.NewContext(b), dice{})
			},
			"truncated AUTH":   func([]byte) []byte { return append([]byte{0, 205, 0}, make([]byte, 202)...) },
			"truncated ATTACH": func([]byte) []byte { return append([]byte{0, 170, 8}, make([]byte, 167)...) },
			"oversized AUTH":   func([]byte) []byte { return append([]byte{2, 1, 0}, make([]byte, 510)...) },
			"size 0":           func([]byte) []byte { return []byte{0, 0, 0} },
			"size 2":           func([]byte) []byte { return []byte{0, 2} },
			"HTTP":             func([]byte) []byte { return []byte("GET / HTTP/1.1\r\n\r\n") },
			"TLS":              func([]byte) []byte { return []byte{22, 3, 1, 0, 100} },
		}
		for code := range 256 {
			if k := kindOf(byte(code)); k == auth || k == attach {
				continue
			}
			guests["type 0x"+string("0123456789abcdef"[code>>4])+string("0123456789abcdef"[code&15])] = func([]byte) []byte {
				return append([]byte{0, 100, byte(code)}, make([]byte, 97)...)
			}
		}
		for name, make := range guests {
			c := w.connect()
			start := time.Now()
			c.Write(make(c.next()[2:]))
			if p, err := c.read(); err == nil {
				t.Errorf("%s: answered %x", name, p)
			}
			if d := time.Since(start); d != 0 {
				t.Errorf("%s: closed after %v", name, d)
			}
		}
		kept.bare(ping)
		kept.want(pingAck)
		synctest.Wait()
		if info, ok := w.Device(deviceA().ID()); !ok || info.Connections != 1 {
			t.Errorf("%+v %t", info, ok)
		}
	})
}

// What an authenticated device may not send, in each state.
func TestServerRefusesInState(t *testing.T) {
	// The states are made by these steps.
	idle := func(w *world, r *reference, c *wire) {}
	connecting := func(w *world, r *reference, c *wire) {
		w.visitor(r)
		c.want(connect)
	}
	relaying := func(w *world, r *reference, c *wire) {
		w.visitor(r)
		r.accept(c)
	}
	leaving := func(w *world, r *reference, c *wire) { // the visitor has gone
		v := w.visitor(r)
		r.accept(c)
		v.Close()
		c.want(disconnect)
	}
	bare := func(kinds ...kind) func(*reference) []byte {
		return func(*reference) (p []byte) {
			for _, k := range kinds {
				p = appendBare(p, k, dice{})
			}
			return p
		}
	}
	someData := func(r *reference) []byte { return appendData(nil, []byte("x"), r.channel, dice{}) }
	ack := func(*reference) []byte { return encodeConnectAck(true, dice{}) }
	for _, x := range []struct {
		name  string
		state func(*world, *reference, *wire)
		send  func(*reference) []byte
	}{
		{"idle: DATA", idle, someData},
		{"idle: DISCONNECT", idle, bare(disconnect)},
		{"idle: DISCONNECT_ACK", idle, bare(disconnectAck)},
		{"idle: CONNECT_ACK", idle, ack},
		{"idle: PING_ACK", idle, bare(pingAck)},
		{"idle: ATTACH_ACK", idle, bare(attachAck)},
		{"idle: AUTH", idle, func(r *reference) []byte { return r.authPacket([]byte("x")) }},
		{"idle: ATTACH", idle, func(r *reference) []byte { return r.attachPacket([]byte("x")) }},
		{"idle: ERROR", idle, func(r *reference) []byte { return encodeError(1, "x", r.channel, dice{}) }},
		{"idle: type 0xc5", idle, func(*reference) []byte { return []byte{0, 3, 0xc5} }},
		{"idle: type 0xf5", idle, func(*reference) []byte { return []byte{0, 3, 0xf5} }},
		{"idle: size 2", idle, func(*reference) []byte { return []byte{0, 2} }},
		{"idle: oversized PING", idle, func(*reference) []byte { return append([]byte{8, 1, 0x10}, make([]byte, 2046)...) }},
		{"connecting: DATA", connecting, someData},
		{"connecting: DISCONNECT", connecting, bare(disconnect)},
		{"connecting: truncated CONNECT_ACK", connecting, func(*reference) []byte { return []byte{0, 3, 0xa0} }},
		{"relaying: CONNECT_ACK", relaying, ack},
		{"relaying: CONNECT", relaying, func(r *reference) []byte { return append([]byte{0, 62, 0x20}, make([]byte, 59)...) }},
		{"relaying: DISCONNECT_ACK", relaying, bare(disconnectAck)},
		{"relaying: empty DATA", relaying, func(r *reference) []byte { return append([]byte{0, 43, 0x40}, make([]byte, 40)...) }},
		{"relaying: undecryptable DATA", relaying, func(r *reference) []byte {
			p := someData(r)
			p[40] ^= 1
			return p
		}},
		{"relaying: the same DATA again", relaying, func(r *reference) []byte {
			p := someData(r)
			return append(p, p...)
		}},
		{"relaying: older DATA again", relaying, func(r *reference) []byte {
			p := someData(r)
			return append(append(p, someData(r)...), p[:len(p):len(p)]...)
		}},
		{"leaving: DISCONNECT twice", leaving, bare(disconnect, disconnect)},
		{"leaving: DISCONNECT_ACK twice", leaving, bare(disconnectAck, disconnectAck)},
		{"leaving: CONNECT_ACK", leaving, ack},
		{"after leaving: DATA", leaving, func(r *reference) []byte {
			return append(bare(disconnectAck, disconnect)(r), someData(r)...)
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			virtual(t, nil, func(t *testing.T, w *world) {
				r := newReference(t, deviceA())
				c := r.auth(w.connect())
				other := r.attach(w.connect())
				other.Close() // it is there only to have been one
				synctest.Wait()
				x.state(w, r, c)
				start := time.Now()
				c.send(x.send(r))
				between(t, "the connection ends", c.ended(start), 0, 0)
				synctest.Wait()
				if info, _ := w.Device(deviceA().ID()); info.Connections != 0 || info.Busy != 0 {
					t.Errorf("%+v", info)
				}
				r.attach(w.connect()).bare(ping) // the session goes on
			})
		})
	}
}

// What a relay may not answer to AUTH, and what Run makes of it.
func TestClientRefusesRelay(t *testing.T) {
	seal := func(plain string) func(*fakeRelay, *wire) {
		return func(f *fakeRelay, c *wire) {
			f.challenge(c)
			c.want(auth)
			c.send(finish(f.peer.Seal(begin(nil, authAck, dice{}), []byte(plain))))
		}
	}
	key := boson.NewBoxKey().Public()
	head := string(key[:]) + "\x00\x04"
	for name, x := range map[string]struct {
		relay func(f *fakeRelay, c *wire)
		want  error
	}{
		"closes at once":    {func(f *fakeRelay, c *wire) {}, ErrUnreachable},
		"challenge of 31":   {func(f *fakeRelay, c *wire) { c.send(encodeChallenge(make([]byte, 31))) }, ErrProtocol},
		"challenge of 2100": {func(f *fakeRelay, c *wire) { c.send(encodeChallenge(make([]byte, 2100))) }, ErrProtocol},
		"challenge of 0":    {func(f *fakeRelay, c *wire) { c.send([]byte{0, 0}) }, ErrProtocol},
		"HTTP":              {func(f *fakeRelay, c *wire) { c.send([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, ErrProtocol},
		"closes after AUTH": {func(f *fakeRelay, c *wire) { f.challenge(c); c.want(auth); time.Sleep(6 * time.Second) }, ErrRefused},
		"PING_ACK":          {func(f *fakeRelay, c *wire) { f.challenge(c); c.bare(pingAck) }, ErrProtocol},
		"ATTACH_ACK":        {func(f *fakeRelay, c *wire) { f.challenge(c); c.bare(attachAck) }, ErrProtocol},
		"ERROR": {func(f *fakeRelay, c *wire) {
			f.challenge(c)
			c.send(append([]byte{0, 50, 0x70}, make([]byte, 47)...))
		}, ErrProtocol},
		"other key": {func(f *fakeRelay, c *wire) {
			f.challenge(c)
			c.want(auth)
			b, _ := nodeA().Box(deviceA().ID())
			c.send(authAckBody{session: key, connections: 4, endpoint: "x:1"}.encode(boson.NewContext(b), dice{}))
		}, ErrImpostor},
		"changed": {func(f *fakeRelay, c *wire) {
			f.challenge(c)
			c.want(auth)
			p := authAckBody{session: key, connections: 4, endpoint: "x:1"}.encode(f.peer, dice{})
			p[50] ^= 1
			c.send(p)
		}, ErrImpostor},
		"no NUL":            {seal(head + "\x00x:1"), ErrProtocol},
		"one NUL":           {seal(head + "\x00x:1\x00"), ErrProtocol},
		"no endpoint":       {seal(head + "\x00\x00\x00"), ErrProtocol},
		"name promised":     {seal(head + "\x01x:1\x00\x00"), ErrProtocol},
		"control character": {seal(head + "\x00x\x1b[2J:1\x00\x00"), ErrProtocol},
		"no UTF-8":          {seal(head + "\x00x\xff:1\x00\x00"), ErrProtocol},
		"short":             {seal(head + strings.Repeat("\x00", 2)), ErrProtocol},
		"zero session key":  {seal(strings.Repeat("\x00", 32) + "\x00\x04\x00x:1\x00\x00"), ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeRelay(t)
				d := f.device(nil)
				defer d.stop()
				conn, err := f.l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				x.relay(f, &wire{conn, t})
				if name == "closes at once" || name == "closes after AUTH" {
					conn.Close()
				}
				if err := <-d.result; !errors.Is(err, x.want) {
					t.Errorf("%v, want %v", err, x.want)
				}
				if d.State().Phase != Offline || d.State().Err == nil {
					t.Errorf("%+v", d.State())
				}
			})
		})
	}
}

// A relay that is silent, before and after CHALLENGE, or not there.
func TestClientLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRelay(t)
		start := time.Now()
		d := f.device(nil)
		if err := <-d.result; !errors.Is(err, ErrUnreachable) {
			t.Error(err)
		}
		between(t, "no CHALLENGE", time.Since(start), answerLimit, answerLimit)
		(<-f.l.(*memListener).queue).Close()

		start = time.Now()
		d = f.device(nil)
		f.accept()
		if err := <-d.result; !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
		between(t, "no AUTH_ACK", time.Since(start), answerLimit, answerLimit)

		f.l.Close()
		if err := <-f.device(nil).result; !errors.Is(err, ErrUnreachable) {
			t.Error(err)
		}
		d = f.device(func(c *ClientConfig) {
			c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		})
		start = time.Now()
		if err := <-d.result; !errors.Is(err, ErrUnreachable) {
			t.Error(err)
		}
		between(t, "no connection", time.Since(start), dialLimit, dialLimit)
	})
}

// The list of boson.md 3.5, and what a server may not do to a tunnel.
func TestClientRefusesInState(t *testing.T) {
	bare := func(k kind) func(*fakeRelay, *wire) { return func(_ *fakeRelay, c *wire) { c.bare(k) } }
	raw := func(p ...byte) func(*fakeRelay, *wire) { return func(_ *fakeRelay, c *wire) { c.send(p) } }
	relaying := func(next func(*fakeRelay, *wire)) func(*fakeRelay, *wire) {
		return func(f *fakeRelay, c *wire) {
			f.connect(c)
			c.want(connectAck)
			next(f, c)
		}
	}
	sealed := func(k kind, plain ...byte) func(*fakeRelay, *wire) {
		return func(f *fakeRelay, c *wire) { c.send(finish(f.channel.Seal(begin(nil, k, dice{}), plain))) }
	}
	for name, send := range map[string]func(*fakeRelay, *wire){
		"idle: PING":                  bare(ping),
		"idle: DISCONNECT":            bare(disconnect),
		"idle: DISCONNECT_ACK":        bare(disconnectAck),
		"idle: ATTACH_ACK":            bare(attachAck),
		"idle: DATA":                  sealed(data, 1),
		"idle: ERROR":                 func(f *fakeRelay, c *wire) { c.send(encodeError(7, "go away", f.channel, dice{})) },
		"idle: undecryptable ERROR":   func(f *fakeRelay, c *wire) { c.send(encodeError(7, "go away", f.peer, dice{})) },
		"idle: CONNECT_ACK":           raw(0, 4, 0xa0, 1),
		"idle: type 0xc5":             raw(0, 3, 0xc5),
		"idle: type 0xf5":             raw(0, 3, 0xf5),
		"idle: size 2":                raw(0, 2),
		"idle: undecryptable CONNECT": raw(append([]byte{0, 62, 0x20}, make([]byte, 59)...)...),
		"idle: CONNECT by the peer box": func(f *fakeRelay, c *wire) {
			c.send(encodeConnect(netip.MustParseAddrPort("192.0.2.1:1"), f.peer, dice{}))
		},
		"idle: address of 6":      sealed(connect, append([]byte{0, 1, 6}, make([]byte, 16)...)...),
		"idle: short CONNECT":     sealed(connect, append([]byte{0, 1, 4}, make([]byte, 15)...)...),
		"relaying: CONNECT":       relaying(func(f *fakeRelay, c *wire) { f.connect(c) }),
		"relaying: PING":          relaying(bare(ping)),
		"relaying: ATTACH_ACK":    relaying(bare(attachAck)),
		"relaying: empty DATA":    relaying(raw(append([]byte{0, 43, 0x40}, make([]byte, 40)...)...)),
		"relaying: undecryptable": relaying(raw(append([]byte{0, 44, 0x40}, make([]byte, 41)...)...)),
		"relaying: disconnected twice": relaying(func(f *fakeRelay, c *wire) {
			c.bare(disconnect)
			c.bare(disconnect)
		}),
		"relaying: CONNECT again": func(f *fakeRelay, c *wire) {
			p := encodeConnect(netip.MustParseAddrPort("192.0.2.1:1"), f.channel, dice{})
			other := encodeConnect(netip.MustParseAddrPort("192.0.2.1:2"), f.channel, dice{})
			for _, visitor := range [][]byte{p, other} {
				c.send(visitor)
				c.want(connectAck)
				c.bare(disconnect)
				c.want(disconnectAck)
				c.want(disconnect)
				c.bare(disconnectAck)
				synctest.Wait()
			}
			c.send(p) // a recorded visitor
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeRelay(t)
				d := f.device(nil)
				defer d.stop()
				visitors := 0
				d.serve(func(c net.Conn) {
					visitors++
					if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
						t.Errorf("%d bytes, %v", n, err)
					}
				})
				c := f.accept()
				f.grant(c, authAckBody{connections: 1})
				synctest.Wait()
				send(f, c)
				start := time.Now()
				between(t, "the connection ends", c.ended(start), 0, 0)
				if err := <-d.result; !errors.Is(err, ErrLost) || !errors.Is(err, ErrProtocol) {
					t.Error(err)
				}
				if visitors > 2 {
					t.Errorf("%d visitors", visitors)
				}
			})
		})
	}
}

// What the reference relay may do although it is odd.
func TestClientBears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRelay(t)
		d := f.device(nil)
		defer d.stop()
		d.serve(echo)
		conn, err := f.l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := &wire{conn, t}
		for _, b := range encodeChallenge(make([]byte, 2000)) { // a long challenge, byte by byte
			c.send([]byte{b})
			time.Sleep(time.Millisecond)
		}
		f.grant(c, authAckBody{connections: 0, endpoint: "[2001:db8::1]:25000"})
		c.bare(pingAck) // without PING
		f.connect(c)
		c.want(connectAck)
		c.bare(pingAck)
		big := bytes.Repeat([]byte("x"), maxData)
		c.send(appendData(nil, big, f.channel, dice{}))
		for got := 0; got < len(big); {
			plain, err := f.channel.Open(nil, c.want(data)[headerSize:])
			if err != nil {
				t.Fatal(err)
			}
			got += len(plain)
		}
		if s := d.State().Session; s.Connections != 1 || s.Endpoint != "[2001:db8::1]:25000" || s.Named != "" {
			t.Errorf("%+v", s)
		}
	})
}

func (f *fakeRelay) challenge(w *wire) {
	f.t.Helper()
	w.send(encodeChallenge(newChallenge()))
}
