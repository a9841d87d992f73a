package activeproxy

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pc2/backend/boson"
)

// another is a device of its own.
func another(t testing.TB, n byte) *reference {
	return newReference(t, boson.DeviceKeyFromSeed(boson.Seed{n}))
}

// refused is a device that gets no session, and is let go after a while.
func (w *world) refused(r *reference) {
	w.t.Helper()
	c, start := w.connect(), time.Now()
	c.send(r.authPacket(c.next()[2:]))
	between(w.t, "a refused device goes", c.ended(start), refuseDelay, refuseDelay)
}

// One port for two devices: the second has to wait until the first is gone, and
// then the first finds it taken.
func TestPortsRunOut(t *testing.T) {
	virtual(t, func(cfg *ServerConfig) { cfg.Ports = PortRange{25000, 25000} }, func(t *testing.T, w *world) {
		one, two := another(t, 1), another(t, 2)
		c := one.auth(w.connect())
		w.refused(two)
		again := one.auth(w.connect()) // its own port is no second one
		c.closed()
		w.End(one.key.ID())
		again.closed()
		two.auth(w.connect())
		if two.granted.endpoint != one.granted.endpoint {
			t.Errorf("%s, then %s", one.granted.endpoint, two.granted.endpoint)
		}
		w.refused(one)
	})
}

// Ports of devices that may come back are given to others last.
func TestPortsAreKept(t *testing.T) {
	virtual(t, func(cfg *ServerConfig) { cfg.Ports = PortRange{25000, 25003} }, func(t *testing.T, w *world) {
		gone := map[string]*reference{}
		for n := range byte(3) {
			r := another(t, n)
			r.auth(w.connect())
			gone[r.granted.endpoint] = r
		}
		for _, r := range gone {
			w.End(r.key.ID())
		}
		other := another(t, 9)
		other.auth(w.connect())
		if gone[other.granted.endpoint] != nil || len(gone) != 3 {
			t.Errorf("%s was kept for another", other.granted.endpoint)
		}
		for endpoint, r := range gone {
			if r.auth(w.connect()); r.granted.endpoint != endpoint {
				t.Errorf("%s, then %s", endpoint, r.granted.endpoint)
			}
		}
	})
}

func TestSessionLimits(t *testing.T) {
	for name, change := range map[string]func(*ServerConfig){
		"in all":        func(cfg *ServerConfig) { cfg.Sessions = 3 },
		"of an address": func(cfg *ServerConfig) { cfg.SessionsPerIP = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, change, func(t *testing.T, w *world) {
				for n := range byte(3) {
					another(t, n).auth(w.connect())
				}
				w.refused(another(t, 9))
				another(t, 1).auth(w.connect()) // in place of its own
				w.End(another(t, 2).key.ID())
				another(t, 9).auth(w.connect())
				w.refused(another(t, 2))
				if n := len(w.Devices()); n != 3 {
					t.Errorf("%d sessions", n)
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				if n := w.places[place(memAddr("192.0.2.1:1"))]; n != 3 || len(w.places) != 1 {
					t.Errorf("%d sessions of the address", n)
				}
			})
		})
	}
}

func TestConnectionLimit(t *testing.T) {
	virtual(t, func(cfg *ServerConfig) { cfg.Connections = 4 }, func(t *testing.T, w *world) {
		r := newReference(t, deviceA())
		conns := []*wire{r.auth(w.connect())}
		for range 3 {
			conns = append(conns, r.attach(w.connect()))
		}
		if r.granted.connections != 4 {
			t.Errorf("%d granted", r.granted.connections)
		}
		c, start := w.connect(), time.Now()
		c.send(r.attachPacket(c.next()[2:]))
		between(t, "a fifth goes", c.ended(start), refuseDelay, refuseDelay)

		// Visitors of the mapped port take half, the gateway takes what is left.
		synctest.Wait()
		first, second, third := w.visitor(r), w.visitor(r), w.visitor(r)
		wantEOF(t, third)
		result := make(chan error, 2)
		for range 2 {
			go func() {
				conn, err := w.DialDevice(t.Context(), deviceA().ID())
				if err == nil {
					conn.Close()
				}
				result <- err
			}()
		}
		for _, c := range conns {
			r.accept(c)
		}
		for range 2 {
			if err := <-result; err != nil {
				t.Error(err)
			}
		}
		first.Close()
		second.Close()
	})
}

// What Authorize is asked, and that its answer counts.
func TestAuthorize(t *testing.T) {
	named := map[boson.ID]bool{deviceA().ID(): true}
	asked := 0
	ask := func(cfg *ServerConfig) {
		cfg.OpenRelay = false
		cfg.Authorize = func(device, user boson.ID) error {
			if asked++; user != userB().ID() {
				t.Errorf("user %s", user)
			}
			if !named[device] {
				return errors.New("no name names it")
			}
			return nil
		}
	}
	virtual(t, ask, func(t *testing.T, w *world) {
		newReference(t, deviceA()).auth(w.connect())
		w.refused(another(t, 1))
		c := w.connect()
		p := another(t, 2).authPacket(nil) // a bad signature is not asked about
		c.next()
		c.send(p)
		c.closed()
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
		if _, err := w.DialDevice(t.Context(), another(t, 1).key.ID()); !errors.Is(err, ErrOffline) {
			t.Error(err)
		}
	})
}

func TestPortsAreForgotten(t *testing.T) {
	virtual(t, func(cfg *ServerConfig) { cfg.Ports = PortRange{25000, 25499} }, func(t *testing.T, w *world) {
		same := 0
		for range 4 {
			r := another(t, 1)
			r.auth(w.connect())
			before := r.granted.endpoint
			w.End(r.key.ID())
			time.Sleep(portMemory + time.Second)
			if r.auth(w.connect()); r.granted.endpoint == before {
				same++
			}
			w.End(r.key.ID())
			time.Sleep(portMemory + time.Second)
		}
		if same > 2 { // one in 500 each time
			t.Errorf("the old port %d times of 4", same)
		}
		another(t, 2).auth(w.connect()) // looks at what is over
		w.ports.mu.Lock()
		defer w.ports.mu.Unlock()
		if len(w.ports.kept) != 0 {
			t.Errorf("%d ports kept for ever", len(w.ports.kept))
		}
	})
}
