package auth

import (
	"sync"
	"time"

	"pc2/backend/wallet"
)

// maxCached sessions are kept in memory, some 2 MB.
const maxCached = 4096

// cache spares an authenticated request its reads. It holds only what the
// database says: whoever changes a row drops it here in the After hook, before
// the change is answered.
type cache struct {
	mu   sync.Mutex
	byID map[[32]byte]*cached // token hash ->
	// gen counts drops. A reader that began before a drop may hold the old row
	// and must not put it back.
	gen uint64
}

type cached struct {
	p       Principal
	touched time.Time // when a request last extended the session, or tried to
}

func newCache() *cache { return &cache{byID: map[[32]byte]*cached{}} }

// get returns the principal. due is true for one caller in each interval: it
// has to extend the session.
func (c *cache) get(h [32]byte, now time.Time) (p Principal, due, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[h]
	if e == nil {
		return Principal{}, false, false
	}
	if now.Sub(e.touched) >= touchEvery {
		e.touched, due = now, true
	}
	return e.p, due, true
}

func (c *cache) generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gen
}

// put adds what was read since gen, unless something was dropped meanwhile.
func (c *cache) put(h [32]byte, p Principal, touched time.Time, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen {
		return
	}
	if len(c.byID) >= maxCached {
		for some := range c.byID { // any: it will be read again when it is asked for
			delete(c.byID, some)
			break
		}
	}
	c.byID[h] = &cached{p, touched}
}

// extend notes a new end of the session.
func (c *cache) extend(h [32]byte, activity, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byID[h]; e != nil {
		e.touched, e.p.Session.LastActivity, e.p.Session.ExpiresAt = activity, activity, expires
	}
}

// forget drops the sessions of a wallet.
func (c *cache) forget(w wallet.Address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	for h, e := range c.byID {
		if e.p.User.Wallet == w {
			delete(c.byID, h)
		}
	}
}
