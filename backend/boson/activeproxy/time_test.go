package activeproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pc2/backend/boson"
)

// ended waits until the other side closes and returns when, since start.
func (w *wire) ended(start time.Time) time.Duration {
	w.t.Helper()
	for {
		if _, err := w.read(); err != nil {
			return time.Since(start)
		}
	}
}

func between(t *testing.T, what string, d, least, most time.Duration) {
	t.Helper()
	if d < least || d > most {
		t.Errorf("%s after %v, want %v … %v", what, d, least, most)
	}
}

func TestGuestLimit(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		start := time.Now()
		silent, slow := w.connect(), w.connect()
		go func() { // one byte a second is no AUTH either
			for range 30 {
				if _, err := slow.Write([]byte{0}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		between(t, "a silent guest goes", silent.ended(start), guestLimit, guestLimit)
		between(t, "a slow guest goes", slow.ended(start), 0, guestLimit)
	})
}

func TestRefusalIsDelayed(t *testing.T) {
	deny := func(cfg *ServerConfig) {
		cfg.OpenRelay = false
		cfg.Authorize = func(device, _ boson.ID) error {
			if device != deviceA().ID() {
				return errors.New("no name names it")
			}
			return nil
		}
	}
	virtual(t, deny, func(t *testing.T, w *world) {
		known := newReference(t, deviceA())
		kept := known.auth(w.connect())
		for name, packet := range map[string]func(challenge []byte) []byte{
			"ATTACH without session":    newReference(t, boson.DeviceKeyFromSeed(seed(9))).attachPacket,
			"ATTACH to another session": newReference(t, deviceA()).attachPacket,
			"AUTH of a stranger":        newReference(t, boson.DeviceKeyFromSeed(seed(9))).authPacket,
		} {
			start := time.Now()
			c := w.connect()
			c.send(packet(c.next()[2:]))
			between(t, name+" ends", c.ended(start), 6*time.Second, 8*time.Second)
		}
		kept.bare(ping)
		kept.want(pingAck)
		// Who goes by itself is not waited for, and who says more is no reference client.
		c := w.connect()
		c.send(newReference(t, boson.DeviceKeyFromSeed(seed(9))).attachPacket(c.next()[2:]))
		synctest.Wait()
		start := time.Now()
		c.bare(ping)
		between(t, "the end", c.ended(start), 0, 0)
	})
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRelay(t)
		d := f.device(nil)
		defer d.stop()
		one := f.accept()
		f.grant(one, authAckBody{connections: 1})
		start := time.Now()
		for i := range 3 {
			one.want(ping)
			between(t, "PING", time.Since(start), time.Duration(i+1)*pingEvery, time.Duration(i+1)*pingEvery)
			one.bare(pingAck)
		}
		start = time.Now() // no more answers
		err := <-d.result
		between(t, "silence ends the session", time.Since(start), idleDead, idleDead+pingEvery)
		if !errors.Is(err, ErrLost) || !errors.Is(err, errQuiet) {
			t.Error(err)
		}
		if d.State().Phase != Offline || d.State().Err != err {
			t.Errorf("%+v", d.State())
		}
	})
}

// While the visitor is slow the relay does not read, and cannot answer PING.
func TestSlowVisitorIsNoDeadRelay(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		d := w.device(nil)
		defer d.stop()
		d.serve(func(c net.Conn) {
			go io.Copy(io.Discard, c) // as net/http does
			pour(c, 4<<20)
		})
		d.online(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, err := w.DialDevice(ctx, deviceA().ID())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		total := 0
		buf := make([]byte, 1<<20)
		for range 4 {
			time.Sleep(10 * time.Minute)
			n, err := io.ReadFull(c, buf)
			if total += n; err != nil {
				t.Fatalf("after %d bytes: %v", total, err)
			}
		}
		wantEOF(t, c)
	})
}

func TestSilentDeviceIsDropped(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := r.auth(w.connect())
		// The reference client says PING up to 70 s after it last heard anything.
		for range 5 {
			time.Sleep(70 * time.Second)
			c.bare(ping)
			c.want(pingAck)
		}
		start := time.Now()
		between(t, "a silent connection ends", c.ended(start), linkIdle, linkIdle)
		if _, ok := w.Device(deviceA().ID()); !ok {
			t.Error("no session in the time of grace")
		}
		time.Sleep(graceLimit + time.Millisecond)
		synctest.Wait()
		if _, ok := w.Device(deviceA().ID()); ok {
			t.Error("the session never ends")
		}
	})
}

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

func TestGraceAndPort(t *testing.T) {
	var told []bool
	tell := func(cfg *ServerConfig) {
		cfg.OnDevice = func(d Device, online bool) { told = append(told, online) }
		cfg.Ports = PortRange{25000, 25099}
	}
	virtual(t, tell, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		r.auth(w.connect()).Close()
		time.Sleep(graceLimit - time.Second)
		c := r.attach(w.connect()) // the session is still there
		c.bare(ping)
		c.want(pingAck)
		endpoint := r.granted.endpoint

		c.Close()
		time.Sleep(graceLimit + time.Second)
		c = w.connect()
		c.send(r.attachPacket(c.next()[2:]))
		c.closed()
		if _, err := w.net.dial(t.Context(), "tcp", endpoint); err == nil {
			t.Error("the port of no session is open")
		}

		time.Sleep(portMemory - graceLimit)
		r.auth(w.connect())
		if r.granted.endpoint != endpoint {
			t.Errorf("port %s, then %s", endpoint, r.granted.endpoint)
		}
		synctest.Wait()
		if len(told) != 3 || !told[0] || told[1] || !told[2] {
			t.Errorf("told %v", told)
		}
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

// Nobody calls Accept: the relay hears so after a while, and again can ask.
func TestAcceptLimit(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		d := w.device(nil)
		defer d.stop()
		d.online(t)
		start := time.Now()
		_, err := w.DialDevice(t.Context(), deviceA().ID())
		if !errors.Is(err, ErrDeclined) {
			t.Error(err)
		}
		between(t, "declined", time.Since(start), acceptLimit, acceptLimit)
		d.serve(echo)
		c, err := w.DialDevice(t.Context(), deviceA().ID())
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, c, "hello")
		c.Close()
	})
}

// A relay whose DISCONNECT crosses our refusal, as it may while a client dials.
func TestDisconnectCrossesRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRelay(t)
		d := f.device(nil)
		defer d.stop()
		c := f.accept()
		f.grant(c, authAckBody{connections: 1})
		f.connect(c)
		time.Sleep(time.Second)
		c.bare(disconnect)
		if decodeConnectAck(c.want(connectAck)) {
			t.Error("accepted by nobody")
		}
		c.want(disconnectAck)
		c.want(disconnect)
		c.bare(disconnectAck)
		d.serve(echo)
		f.connect(c)
		if !decodeConnectAck(c.want(connectAck)) {
			t.Error("not accepted any more")
		}
		c.bare(disconnect)
		c.want(disconnectAck)
		c.want(disconnect)
		c.bare(disconnectAck)
		synctest.Wait()
		c.bare(disconnect) // now it is out of place
		c.closed()
	})
}

func TestSpareConnections(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		d := w.device(nil)
		defer d.stop()
		d.serve(echo)
		d.online(t)
		count := func() (all, busy int) {
			synctest.Wait()
			info, _ := w.Device(deviceA().ID())
			return info.Connections, info.Busy
		}
		if all, busy := count(); all != 2 || busy != 0 {
			t.Errorf("at first %d connections, %d busy", all, busy)
		}
		var open []net.Conn
		for range 40 {
			c, err := w.DialDevice(t.Context(), deviceA().ID())
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
		}
		time.Sleep(time.Second)
		if all, busy := count(); busy != 40 || all < 42 || all > 40+2+maxSpare {
			t.Errorf("with 40 visitors %d connections, %d busy", all, busy)
		}
		for _, c := range open {
			c.Close()
		}
		time.Sleep(shrinkAfter - 2*time.Second)
		if all, busy := count(); all < 42 || busy != 0 {
			t.Errorf("too early: %d connections, %d busy", all, busy)
		}
		time.Sleep(2 * shrinkEvery)
		if all, _ := count(); all != 2 {
			t.Errorf("later %d connections", all)
		}
	})
}

func TestNeverMoreThanGranted(t *testing.T) {
	virtual(t, func(cfg *ServerConfig) { cfg.Connections = 3 }, func(t *testing.T, w *world) {
		d := w.device(nil)
		defer d.stop()
		d.serve(echo)
		d.online(t)
		for range 3 {
			c, err := w.DialDevice(t.Context(), deviceA().ID())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			go io.Copy(io.Discard, c)
		}
		time.Sleep(time.Hour)
		if w.net.dialled != 3 {
			t.Errorf("dialled %d times", w.net.dialled)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.DialDevice(ctx, deviceA().ID()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// A relay that takes no ATTACH is not asked in a tight loop.
func TestAttachBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeRelay(t)
		d := f.device(nil)
		c := f.accept()
		f.grant(c, authAckBody{connections: 8})
		tries := 0
		go func() {
			for {
				conn, err := f.l.Accept()
				if err != nil {
					return
				}
				tries++
				conn.Close()
			}
		}()
		go func() {
			for {
				p, err := c.read()
				if err != nil {
					return
				}
				if kindOf(p[2]) == ping {
					c.Write(appendBare(nil, pingAck, dice{}))
				}
			}
		}()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if tries < 10 || tries > 25 {
			t.Errorf("%d tries in 10 minutes", tries)
		}
		if d.State().Phase != Online {
			t.Errorf("%+v", d.State())
		}
		d.stop()
		f.l.Close()
		c.Close()
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
