package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"pc2/backend/wallet"
)

const (
	// maxPending challenges are remembered; about 8 MB when strangers fill it.
	maxPending = 10_000
	// maxPendingEach of one visitor, who can then push out only their own.
	maxPendingEach = 64
)

// pending is a challenge that nobody has answered yet.
type pending struct {
	nonce   string
	purpose string
	message string
	address wallet.Address
	smart   *wallet.Address
	host    string
	expires time.Time
	from    netip.Prefix
}

// challenges holds the pending ones in the order in which they were issued and
// so, as all live equally long, in the order in which they expire.
type challenges struct {
	mu      sync.Mutex
	order   *list.List // of *pending, oldest first
	byNonce map[string]*list.Element
	perFrom map[netip.Prefix]int
}

func newChallenges() *challenges {
	return &challenges{order: list.New(), byNonce: map[string]*list.Element{}, perFrom: map[netip.Prefix]int{}}
}

// put adds p. The visitor's oldest makes room when they have too many, else the
// oldest of all when there are too many.
func (c *challenges) put(p *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.perFrom[p.from] >= maxPendingEach {
		e := c.order.Front()
		for e.Value.(*pending).from != p.from {
			e = e.Next()
		}
		c.remove(e)
	}
	if c.order.Len() >= maxPending {
		c.remove(c.order.Front())
	}
	c.byNonce[p.nonce] = c.order.PushBack(p)
	c.perFrom[p.from]++
}

// take removes the challenge with this nonce and returns it, or nil.
func (c *challenges) take(nonce string) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byNonce[nonce]
	if e == nil {
		return nil
	}
	return c.remove(e)
}

// sweep removes those that expired before t.
func (c *challenges) sweep(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Front(); e != nil && e.Value.(*pending).expires.Before(t); e = c.order.Front() {
		c.remove(e)
	}
}

func (c *challenges) remove(e *list.Element) *pending {
	p := c.order.Remove(e).(*pending)
	delete(c.byNonce, p.nonce)
	if c.perFrom[p.from]--; c.perFrom[p.from] == 0 {
		delete(c.perFrom, p.from)
	}
	return p
}
