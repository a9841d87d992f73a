package activeproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// Our device in virtual time.

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
		dialled := w.net.dialled
		time.Sleep(2 * shrinkEvery)
		if all, _ := count(); all != 2 || w.net.dialled != dialled {
			t.Errorf("later %d connections, %d of them new", all, w.net.dialled-dialled)
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

// A program that never closes what it accepted loses that connection, and the
// device replaces it.
func TestProgramNeverCloses(t *testing.T) {
	virtual(t, nil, func(t *testing.T, w *world) {
		d := w.device(nil)
		defer d.stop()
		d.online(t)
		go func() {
			for {
				if _, err := d.Accept(); err != nil {
					return
				}
			}
		}()
		for range 10 {
			c, err := w.DialDevice(t.Context(), deviceA().ID())
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		time.Sleep(2 * handshakeLimit)
		synctest.Wait()
		if info, _ := w.Device(deviceA().ID()); info.Busy != 0 || info.Connections < 2 {
			t.Errorf("%+v", info)
		}
	})
}

// A relay that is gone while a visitor is there: nothing comes, not even the
// answer to PING.
func TestDeadRelayUnderATunnel(t *testing.T) {
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
		defer conn.Close()
		start := time.Now()
		for { // short deadlines hide nothing
			conn.SetReadDeadline(time.Now().Add(7 * time.Second))
			_, err := conn.Read(make([]byte, 1))
			if errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			if !errors.Is(err, errQuiet) || !errors.Is(err, ErrLost) {
				t.Error(err)
			}
			break
		}
		between(t, "it is given up", time.Since(start), busyDead, busyDead+pingEvery)
		if err := <-d.result; !errors.Is(err, ErrLost) {
			t.Error(err)
		}
	})
}
