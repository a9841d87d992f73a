package activeproxy

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pc2/backend/boson"
)

// Limits and timers of the relay, in virtual time.

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

// AUTH that is being decided when the relay stops makes no session.
func TestStopDuringAuth(t *testing.T) {
	var asked, decide chan bool
	slow := func(cfg *ServerConfig) {
		asked, decide = make(chan bool), make(chan bool)
		cfg.OpenRelay = false
		cfg.Authorize = func(_, _ boson.ID) error {
			asked <- true
			<-decide
			return nil
		}
	}
	virtual(t, slow, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		c := w.connect()
		c.send(r.authPacket(c.next()[2:]))
		<-asked
		go func() {
			time.Sleep(time.Second)
			close(decide)
		}()
		w.stop()
		c.closed()
		if len(w.Devices()) != 0 {
			t.Error("a session after the end")
		}
	})
}
