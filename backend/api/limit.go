package api

import (
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"pc2/backend/fault"
)

// perMinute are the default limits of the classes (API specification §2.6), for
// callers that are not a person with a session. Sessions are bounded by
// concurrency alone.
var perMinute = map[string]int{
	"auth": 10, "gate": 5, "mnemonic": 3, "stat": 1200, "readdir": 600, "fsread": 600, "fswrite": 300, "mutate": 1200, "df": 60,
}

// maxBuckets bounds what strangers can make us remember; past it, those that
// are full again are forgotten, and if all are busy the newcomers share one.
const maxBuckets = 20_000

type bucketKey struct {
	class string
	who   string
}

// limiter holds a token bucket for each class and caller.
type limiter struct {
	mu      sync.Mutex
	limits  map[string]int
	buckets map[bucketKey]*rate.Limiter
	now     func() time.Time
}

func newLimiter(configured map[string]int) *limiter {
	l := &limiter{limits: map[string]int{}, buckets: map[bucketKey]*rate.Limiter{}, now: time.Now}
	for class, n := range perMinute {
		l.limits[class] = n
	}
	for class, n := range configured {
		l.limits[class] = n
	}
	return l
}

// take spends one token of who's bucket and writes the headers. Past the limit
// it is the fault that the caller answers.
func (l *limiter) take(c *call, class, who string) error {
	limit := l.limits[class]
	if limit == 0 {
		return nil
	}
	now := l.now()
	b := l.bucket(bucketKey{class, who}, limit, now)
	ok := b.AllowN(now, 1)
	left := max(0, int(math.Floor(b.TokensAt(now))))
	full := time.Duration((float64(limit) - b.TokensAt(now)) * float64(time.Minute) / float64(limit))
	h := c.w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Add(full).UnixMilli(), 10))
	if ok {
		return nil
	}
	wait := int(math.Ceil((1 - b.TokensAt(now)) * 60 / float64(limit)))
	return fault.New(fault.Limited, "too_many_requests", "Too many tries. Wait a moment and try again.").
		With("retry_after", max(1, wait)).With("limit", limit).With("window_ms", 60_000)
}

func (l *limiter) bucket(k bucketKey, limit int, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.buckets[k]; b != nil {
		return b
	}
	if len(l.buckets) >= maxBuckets {
		for key, b := range l.buckets {
			if b.TokensAt(now) >= float64(b.Burst()) {
				delete(l.buckets, key)
			}
		}
		if len(l.buckets) >= maxBuckets {
			k = bucketKey{k.class, "everybody else"}
			if b := l.buckets[k]; b != nil {
				return b
			}
		}
	}
	b := rate.NewLimiter(rate.Limit(float64(limit)/60), limit)
	l.buckets[k] = b
	return b
}

// network is whom a limit per address counts: an IPv4 address, or the /64 that
// one customer of an IPv6 provider has.
func network(a netip.Addr) string {
	if a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return a.String()
}

// gates bound how many requests of one caller and class run at once. The rest
// wait: a person at work is slowed, never refused.
type gates struct {
	mu    sync.Mutex
	open  map[bucketKey]*gate
	width int
}

type gate struct {
	slots chan struct{}
	users int
}

func newGates(width int) *gates { return &gates{open: map[bucketKey]*gate{}, width: width} }

// enter waits for a place and returns how to leave it.
func (g *gates) enter(done <-chan struct{}, k bucketKey) (leave func(), ok bool) {
	g.mu.Lock()
	one := g.open[k]
	if one == nil {
		one = &gate{slots: make(chan struct{}, g.width)}
		g.open[k] = one
	}
	one.users++
	g.mu.Unlock()
	drop := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(g.open, k)
		}
	}
	select {
	case one.slots <- struct{}{}:
		return func() { <-one.slots; drop() }, true
	case <-done:
		drop()
		return nil, false
	}
}
