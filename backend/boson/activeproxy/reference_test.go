package activeproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What a running reference client was seen to do (boson.md 3.5 and 3.6), against
// our relay.

// One connection goes through the cycle again and again, in all orders.
func TestReferenceCycles(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		orders := map[string]func(net.Conn){
			"visitor first": func(v net.Conn) {
				v.Close()
				c.want(disconnect)
				time.Sleep(15 * time.Millisecond)
				c.bare(disconnectAck)
				c.bare(disconnect)
				c.want(disconnectAck)
			},
			"client first, with its last bytes": func(v net.Conn) {
				r.data(c, "bye")
				r.leave(c)
				if b, err := io.ReadAll(v); string(b) != "bye" || err != nil {
					t.Errorf("%q, %v", b, err)
				}
			},
			"both at once": func(v net.Conn) {
				v.Close()
				c.bare(disconnect)                     // before it reads ours
				if kindOf(c.next()[2]) == disconnect { // either comes first
					c.want(disconnectAck)
				} else {
					c.want(disconnect)
				}
				c.bare(disconnectAck)
			},
			"client still sends": func(v net.Conn) {
				v.Close()
				r.data(c, "too late")
				c.want(disconnect)
				r.data(c, "even later")
				c.bare(disconnectAck)
				c.bare(disconnect)
				c.want(disconnectAck)
			},
			"DISCONNECT before DISCONNECT_ACK": func(v net.Conn) {
				v.Close()
				c.want(disconnect)
				c.bare(disconnect)
				c.bare(disconnectAck)
				c.want(disconnectAck)
			},
		}
		for range 5 {
			for name, end := range orders {
				t.Log(name)
				synctest.Wait()
				v := w.visitor(r)
				r.accept(c)
				io.WriteString(v, "hello")
				if got := string(r.open(c.want(data))); got != "hello" {
					t.Fatalf("%q", got)
				}
				c.bare(ping)
				c.want(pingAck)
				end(v)
				c.bare(ping) // idle again
				c.want(pingAck)
			}
		}
		if w.net.dialled != 1+5*len(orders) {
			t.Errorf("dialled %d times", w.net.dialled)
		}
	})
}

// While it dials its upstream the client opens its next connection, before it
// answers CONNECT.
func TestReferenceAttachesWhileItConnects(t *testing.T) {
	virtual(t, func(cfg *ServerConfig) { cfg.Connections = 4 }, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		carriers := []*wire{r.auth(w.connect())}
		var visitors []net.Conn
		for i := range 2 {
			synctest.Wait()
			visitors = append(visitors, w.visitor(r))
			p := carriers[i].want(connect)
			carriers = append(carriers, r.attach(w.connect()))
			time.Sleep(2 * time.Millisecond)
			r.open(p)
			carriers[i].send(encodeConnectAck(true, dice{}))
		}
		// Its nonces count up over all its connections, which interleave.
		for i, text := range []string{"one", "two"} {
			r.data(carriers[1-i], text)
		}
		for i, v := range visitors {
			got := make([]byte, 3)
			if _, err := io.ReadFull(v, got); err != nil || string(got) != []string{"two", "one"}[i] {
				t.Errorf("%q, %v", got, err)
			}
		}
		for i, v := range visitors {
			v.Close()
			carriers[i].want(disconnect)
			carriers[i].bare(disconnectAck)
			carriers[i].bare(disconnect)
			carriers[i].want(disconnectAck)
		}
	})
}

// The 3.0.0 client never replaces a connection that it lost, so its session
// lives on the others, and an idle one is never closed by the relay.
func TestReferenceIdlesForHours(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		conns := []*wire{r.auth(w.connect()), r.attach(w.connect()), r.attach(w.connect())}
		for range 200 {
			time.Sleep(65 * time.Second)
			for _, c := range conns {
				c.bare(ping)
				c.want(pingAck)
			}
		}
		conns[0].Close()
		synctest.Wait()
		if info, _ := w.Device(deviceA().ID()); info.Connections != 2 {
			t.Errorf("%+v", info)
		}
	})
}

// A client that stays in Disconnecting for ever, as 3.0.0 can, holds up nothing.
func TestReferenceNeverDisconnects(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		one := r.auth(w.connect())
		synctest.Wait()
		two := r.attach(w.connect())
		synctest.Wait()
		v := w.visitor(r)
		r.accept(two) // the one that became idle last
		v.Close()
		two.want(disconnect)
		w.visitor(r)
		r.accept(one)
		start := time.Now()
		between(t, "it is closed", two.ended(start), handshakeLimit, 2*handshakeLimit)
	})
}

// Everything at once on one Conn, for the race detector, until Close.
func TestConnIsConcurrent(t *testing.T) {
	r, _ := pair(t, echo)
	for range 5 {
		c := r.dial(t)
		var wg sync.WaitGroup
		use := func(f func() error) {
			wg.Go(func() {
				for {
					var late net.Error
					if err := f(); errors.Is(err, net.ErrClosed) {
						return
					} else if err != nil && !(errors.As(err, &late) && late.Timeout()) {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 2 {
			use(func() error { _, err := c.Write(make([]byte, 3000)); return err })
			use(func() error { _, err := c.Read(make([]byte, 1000)); return err })
		}
		use(func() error { return c.SetReadDeadline(time.Now().Add(time.Millisecond)) })
		use(func() error { return c.SetWriteDeadline(time.Now().Add(10 * time.Second)) })
		time.Sleep(30 * time.Millisecond)
		c.Close()
		c.LocalAddr()
		c.RemoteAddr()
		wg.Wait()
	}
	r.settled(t)
}
