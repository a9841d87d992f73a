package activeproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Visitors and their tunnels in virtual time.

// A visitor that uploads for long hears nothing from the device, and neither
// does the relay: DATA that it sends keeps the connection, as the client expects.
func TestUploadIsNoSilence(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		v := w.visitor(r)
		r.accept(c)
		for range 30 {
			time.Sleep(20 * time.Second)
			io.WriteString(v, "more")
			if string(r.open(c.want(data))) != "more" {
				t.Fatal("not more")
			}
		}
		v.Close()
		c.want(disconnect)
	})
}

func TestConnectAckLimit(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		start := time.Now()
		v := w.visitor(r)
		c.want(connect)
		between(t, "the connection ends", c.ended(start), connectLimit, connectLimit)
		// The visitor then waits for another connection, and that has its own limit.
		wantEOF(t, v)
		between(t, "the visitor goes", time.Since(start), visitorWait, visitorWait)
	})
}

// A visitor that goes while the device dials: the relay waits for CONNECT_ACK
// and then says DISCONNECT, since the reference client cannot bear it before.
func TestVisitorGoesBeforeConnectAck(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		for _, accepted := range []bool{true, false, true} {
			synctest.Wait() // idle
			w.visitor(r).Close()
			c.want(connect)
			time.Sleep(8 * time.Second)
			c.bare(ping)
			c.want(pingAck) // and no DISCONNECT
			c.send(encodeConnectAck(accepted, dice{}))
			if accepted {
				c.want(disconnect)
				c.bare(disconnectAck)
				c.bare(disconnect)
				c.want(disconnectAck)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.DialDevice(ctx, deviceA().ID())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		c.want(connect)
		c.send(encodeConnectAck(true, dice{}))
		c.want(disconnect)
	})
}

func TestDisconnectLimit(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		v := w.visitor(r)
		r.accept(c)
		start := time.Now()
		v.Close()
		c.want(disconnect)
		c.bare(disconnectAck) // and never DISCONNECT
		between(t, "the connection ends", c.ended(start), handshakeLimit, 2*handshakeLimit)

	})
}

// A visitor that closes its half hears the rest of the answer, but not for ever.
func TestHalfClosedVisitor(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		synctest.Wait() // its connection is idle: a visitor that waits for one is heard a byte early
		v := w.visitor(r)
		r.accept(c)
		io.WriteString(v, "question")
		v.(*memConn).CloseWrite()
		c.want(data)
		c.want(disconnect)
		c.bare(disconnectAck)
		for range 4 {
			time.Sleep(20 * time.Second)
			r.data(c, "answer")
			got := make([]byte, 6)
			if _, err := io.ReadFull(v, got); err != nil || string(got) != "answer" {
				t.Fatalf("%q, %v", got, err)
			}
		}
		start := time.Now()
		between(t, "the connection ends", c.ended(start), handshakeLimit, handshakeLimit)
		if _, err := v.Read(make([]byte, 1)); err == nil {
			t.Error("the visitor stays")
		}
	})
}

func TestIdleVisitor(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		v := w.visitor(r)
		r.accept(c)
		for range 3 { // bytes in either direction count
			time.Sleep(visitorIdle - time.Second)
			io.WriteString(v, "x")
			c.want(data)
			time.Sleep(visitorIdle - time.Second)
			r.data(c, "y")
			v.Read(make([]byte, 1))
		}
		start := time.Now()
		c.want(disconnect)
		between(t, "a silent visitor goes", time.Since(start), visitorIdle, visitorIdle)
		c.bare(disconnectAck)
		c.bare(disconnect)
		c.want(disconnectAck)
	})
}

// A visitor that takes nothing while the device sends.
func TestStalledVisitor(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		v := w.visitor(r)
		r.accept(c)
		var sending sync.WaitGroup
		sending.Go(func() {
			for range 40 {
				r.data(c, string(make([]byte, 32<<10)))
			}
		})
		start := time.Now()
		c.want(disconnect)
		between(t, "it goes", time.Since(start), visitorIdle, visitorIdle+time.Second)
		sending.Wait() // the relay takes the rest, for nobody
		c.bare(disconnectAck)
		c.bare(disconnect)
		c.want(disconnectAck)
		_ = v
	})
}

func TestQueue(t *testing.T) {
	small := func(cfg *ServerConfig) { cfg.Waiting, cfg.VisitorsPerIP = 3, 2 }
	virtual(t, small, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		synctest.Wait()
		first := w.visitor(r)
		r.accept(c)
		synctest.Wait()

		second := w.visitor(r)
		synctest.Wait()
		third := w.visitor(r)
		if third.SetReadDeadline(time.Now().Add(time.Second)); third != nil {
			wantEOF(t, third) // two visitors of one address
		}
		io.WriteString(second, "early")
		var results [3]error
		for i := range results {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				conn, err := w.DialDevice(ctx, deviceA().ID())
				results[i] = err
				if err == nil {
					conn.Close()
				}
			}()
			synctest.Wait()
		}
		if !errors.Is(results[2], ErrBusy) {
			t.Errorf("a queue of three takes a fourth: %v", results)
		}
		first.Close()
		c.want(disconnect)
		c.bare(disconnectAck)
		c.bare(disconnect)
		c.want(disconnectAck)
		r.accept(c) // first come
		early := string(r.open(c.want(data)))
		early += string(r.open(c.want(data))) // one byte shows that the visitor is there
		if early != "early" {
			t.Errorf("what the visitor sent while it waited: %q", early)
		}
		r.leave(c)
		for range 2 {
			r.accept(c)
			c.want(disconnect)
			c.bare(disconnectAck)
			c.bare(disconnect)
			c.want(disconnectAck)
		}
		synctest.Wait()
		if results[0] != nil || results[1] != nil {
			t.Error(results)
		}
	})
}

// A visitor that gives up while it waits is not called.
func TestQueuedVisitorGoes(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		synctest.Wait()
		first := w.visitor(r)
		r.accept(c)
		synctest.Wait()
		w.visitor(r).Close()
		synctest.Wait()
		if s := w.session(deviceA().ID()); s.waiting.Len() != 0 || s.strange != 1 {
			t.Errorf("%d wait, %d visitors", s.waiting.Len(), s.strange)
		}
		start := time.Now()
		late := w.visitor(r)
		wantEOF(t, late)
		between(t, "who waits goes", time.Since(start), visitorWait, visitorWait)
		first.Close()
		c.want(disconnect)
		c.bare(disconnectAck)
		c.bare(disconnect)
		c.want(disconnectAck)
		synctest.Wait()
		c.bare(ping)
		c.want(pingAck) // and no CONNECT
	})
}

// Close ends a Write that waits; the other side must not wait for its rest.
func TestCloseDuringWrite(t *testing.T) {
	for _, resumes := range []bool{true, false} {
		virtual(t, nil, func(t *testing.T, w *world) {
			r := newReference(t, deviceA())
			c := r.auth(w.connect())
			go r.accept(c)
			conn, err := w.DialDevice(t.Context(), deviceA().ID())
			if err != nil {
				t.Fatal(err)
			}
			written := make(chan error, 1)
			go func() {
				_, err := conn.Write(make([]byte, 4<<20))
				written <- err
			}()
			go func() {
				_, err := conn.Read(make([]byte, 1))
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			}()
			time.Sleep(time.Minute)
			start := time.Now()
			conn.Close()
			if resumes {
				time.Sleep(stuckLimit / 2)
				for {
					p := c.next()
					if kindOf(p[2]) == disconnect {
						break
					}
				}
				c.bare(disconnectAck)
				c.bare(disconnect)
				c.want(disconnectAck)
			}
			if err := <-written; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			between(t, "Write ends", time.Since(start), 0, stuckLimit)
			synctest.Wait()
			info, _ := w.Device(deviceA().ID())
			if want := map[bool]int{true: 1, false: 0}[resumes]; info.Connections != want || info.Busy != 0 {
				t.Errorf("resumes %t: %+v", resumes, info)
			}
			// What the closed connection is asked later does not reach its link.
			if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if err := conn.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if err := conn.(*Conn).CloseWrite(); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDeadlines(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		d := w.device(nil)
		defer d.stop()
		d.serve(func(c net.Conn) { // answers after a while, byte by byte
			buf := make([]byte, 100)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				for _, b := range buf[:n] {
					time.Sleep(time.Second)
					c.Write([]byte{b})
				}
			}
		})
		d.online(t)
		c, err := w.DialDevice(t.Context(), deviceA().ID())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "abc")
		var got []byte
		timeouts := 0
		for len(got) < 3 { // a read deadline loses nothing
			c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			b := make([]byte, 8)
			n, err := c.Read(b)
			got = append(got, b[:n]...)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				timeouts++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if string(got) != "abc" || timeouts < 6 {
			t.Errorf("%q, %d timeouts", got, timeouts)
		}
		c.SetDeadline(time.Time{})
		roundTrip(t, c, "d")
		c.Close()
	})
}

// A visitor that stays although the device is done has a moment to read, no more.
func TestVisitorOutstays(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		v := w.visitor(r)
		r.accept(c)
		r.data(c, "bye")
		r.leave(c)
		start := time.Now()
		if b, err := io.ReadAll(v); string(b) != "bye" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		session := w.session(deviceA().ID())
		for visitors := 1; visitors > 0; {
			io.WriteString(v, "more")
			time.Sleep(100 * time.Millisecond)
			session.mu.Lock()
			visitors = len(session.visitors)
			if session.strange != 0 {
				t.Error("it holds a connection")
			}
			session.mu.Unlock()
		}
		between(t, "it is closed", time.Since(start), visitorLong, visitorLong+200*time.Millisecond)
	})
}

// A connection that is cut is no end of file, at either end.
func TestCutIsNoEOF(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		go r.accept(c)
		conn, err := w.DialDevice(t.Context(), deviceA().ID())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.Close()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, ErrLost) || errors.Is(err, io.EOF) {
			t.Errorf("at the relay: %v", err)
		}
		conn.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRelay(t)
		d := f.device(nil)
		defer d.stop()
		c := f.accept()
		f.grant(c, authAckBody{connections: 1})
		f.connect(c)
		conn, err := d.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.want(connectAck)
		c.Close()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, ErrLost) || errors.Is(err, io.EOF) {
			t.Errorf("at the device: %v", err)
		}
		if _, err := conn.Write(make([]byte, 1)); !errors.Is(err, ErrLost) {
			t.Errorf("at the device: %v", err)
		}
		conn.Close()
	})
}

// A link that comes free in the moment in which who waits for it gives up is not
// lost.
func TestWaiterGivesUp(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		r.auth(w.connect())
		synctest.Wait()
		session := w.session(deviceA().ID())
		l, err := session.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, given := 0, 0
		for i := range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan *link, 1)
			go func() {
				l, _ := session.acquire(ctx)
				result <- l
			}()
			synctest.Wait()
			if i%2 == 0 {
				cancel()
				session.release(l)
			} else {
				session.release(l)
				cancel()
			}
			synctest.Wait()
			if again := <-result; again != nil {
				got++
			} else {
				given++
				if again, err := session.acquire(t.Context()); again != l || err != nil {
					t.Fatal("the link is lost")
				}
			}
		}
		if got == 0 || given == 0 {
			t.Errorf("%d got it, %d gave up", got, given)
		}
		session.release(l)
	})
}

// A link that ends between being taken and being called stays gone.
func TestCallOnALostLink(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		synctest.Wait()
		session := w.session(deviceA().ID())
		l, err := session.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		synctest.Wait()
		if _, err := session.call(t.Context(), l, netip.AddrPort{}); !errors.Is(err, ErrLost) {
			t.Error(err)
		}
		session.release(l)
		if info := session.describe(); info.Connections != 0 || info.Busy != 0 {
			t.Errorf("%+v", info)
		}
	})
}
