package gateway

import (
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"pc2/backend/boson"
	"pc2/backend/fault"
)

// defaults of the classes; proxy counts requests in flight, alone those of them to
// one node that have a connection to themselves, the others requests a minute; each
// for one address.
var defaults = map[string]int{"register": 5, "reach": 6, "api": 100, "offline": 500, "proxy": 256, "alone": 64}

// maxAlone bounds the requests to one node that have a connection to themselves, of
// all addresses. A relay session has 256 connections, of which strangers at its
// mapped port can take half: what is left is for the shared ones, so that
// uploads that stall never keep out who only wants to read.
const maxAlone = 120

// maxBuckets bounds what strangers can make us remember; past it the newcomers
// of a class share one bucket.
const maxBuckets = 50_000

type bucketKey struct {
	class string // and path, where the limit is a route's own
	ip    netip.Addr
}

// limiter holds a token bucket for each class and address, in two generations: a
// bucket that nobody touched for a whole minute is full again, so it need not be
// remembered.
type limiter struct {
	limits map[string]int
	now    func() time.Time

	mu       sync.Mutex
	young    map[bucketKey]*rate.Limiter
	old      map[bucketKey]*rate.Limiter
	turnOver time.Time
}

func newLimiter(configured map[string]int, now func() time.Time) *limiter {
	l := &limiter{limits: map[string]int{}, now: now, young: map[bucketKey]*rate.Limiter{}, old: map[bucketKey]*rate.Limiter{}}
	for class, n := range defaults {
		l.limits[class] = n
	}
	for class, n := range configured {
		l.limits[class] = n
	}
	return l
}

func (l *limiter) of(class string) int { return l.limits[class] }

// take spends a token of the caller's bucket and writes the headers. Past the
// limit it is the fault that the caller answers.
func (l *limiter) take(c *call, class, path string) error {
	return l.spend(c, class, bucketKey{class + path, network(c.ip.Addr())})
}

// takeKey is take for a key, wherever it comes from. Who may have one is the
// caller's to know.
func (l *limiter) takeKey(c *call, class, key string) error {
	return l.spend(c, class, bucketKey{class: class + " " + key})
}

func (l *limiter) spend(c *call, class string, k bucketKey) error {
	limit := l.limits[class]
	if limit <= 0 {
		return nil
	}
	now := l.now()
	b := l.bucket(k, limit, now)
	ok := b.AllowN(now, 1)
	left := b.TokensAt(now)
	h := c.w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, int(math.Floor(left)))))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Add(time.Duration((float64(limit)-left)*float64(time.Minute)/float64(limit))).UnixMilli(), 10))
	if ok {
		return nil
	}
	return tooMany(max(1, int(math.Ceil((1-left)*60/float64(limit)))), limit)
}

func tooMany(seconds, limit int) error {
	return fault.New(fault.Limited, "too_many_requests", "Too many requests from your address. Wait a moment and try again.").
		With("retry_after", seconds).With("limit", limit).With("window_ms", 60_000)
}

func (l *limiter) bucket(k bucketKey, limit int, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.After(l.turnOver) {
		if now.After(l.turnOver.Add(time.Minute)) {
			clear(l.young)
		}
		l.old, l.young = l.young, map[bucketKey]*rate.Limiter{}
		l.turnOver = now.Add(time.Minute)
	}
	if b := l.young[k]; b != nil {
		return b
	}
	b := l.old[k]
	if b == nil {
		if len(l.young) >= maxBuckets {
			k.ip = netip.Addr{}
			if b := l.young[k]; b != nil {
				return b
			}
		}
		b = rate.NewLimiter(rate.Limit(float64(limit)/60), limit)
	}
	l.young[k] = b
	return b
}

// places counts what each of many has: the requests or connections of an address.
type places[K comparable] struct {
	limit int
	mu    sync.Mutex
	taken map[K]int
}

func newPlaces[K comparable](limit int) *places[K] {
	return &places[K]{limit: limit, taken: map[K]int{}}
}

// enter takes a place, or is the fault of having too many.
func (p *places[K]) enter(k K) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit > 0 && p.taken[k] >= p.limit {
		return tooMany(1, p.limit)
	}
	p.taken[k]++
	return nil
}

func (p *places[K]) leave(k K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[k]--; p.taken[k] == 0 {
		delete(p.taken, k)
	}
}

// whose is an address at a node, which is known by its device.
type whose struct {
	device boson.ID
	from   netip.Addr
}

// alone counts the requests that have a connection of a node to themselves.
type alone struct {
	each *places[whose]
	all  *places[boson.ID]
}

func newAlone(each int) alone {
	return alone{newPlaces[whose](each), newPlaces[boson.ID](maxAlone)}
}

func (a alone) enter(w whose) error {
	if err := a.each.enter(w); err != nil {
		return err
	}
	if a.all.enter(w.device) != nil {
		a.each.leave(w)
		return errCrowd
	}
	return nil
}

func (a alone) leave(w whose) {
	a.all.leave(w.device)
	a.each.leave(w)
}

var errCrowd = fault.New(fault.Limited, "too_many_requests", "Too many uploads and open pages at this PC. Wait a moment and try again.").
	With("retry_after", 1).With("limit", maxAlone).With("window_ms", 60_000)
