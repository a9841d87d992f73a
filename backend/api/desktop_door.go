package api

import (
	"crypto/rand"
	"crypto/subtle"
	"sync"
	"time"

	"pc2/backend/auth"
)

const (
	keyFor      = time.Minute     // how long an address for the window works
	maxKeys     = 16              // at once; the oldest make room
	handoverFor = 5 * time.Minute // to sign in in the browser and say yes
)

// door is how the program's own window comes in, and nothing else on this PC:
// the program hands it a key that works once and buys a cookie; the cookie is
// this process's, and opens the routes of the window. It opens no files: that
// takes a session.
type door struct {
	window string // what the cookie holds
	again  string // what a page asks with that has lost it

	mu   sync.Mutex
	keys map[string]pass
	wait *handover // the window that asks a browser to let it in
}

type pass struct {
	to      string
	visit   bool // of a browser, which does not become the window
	expires time.Time
}

func (d *door) key(p pass, now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	oldest := ""
	for k, e := range d.keys {
		if !now.Before(e.expires) {
			delete(d.keys, k)
		} else if oldest == "" || e.expires.Before(d.keys[oldest].expires) {
			oldest = k
		}
	}
	if len(d.keys) >= maxKeys {
		delete(d.keys, oldest)
	}
	k := rand.Text()
	p.expires = now.Add(keyFor)
	d.keys[k] = p
	return k
}

// use takes a key, which is then spent. A map's timing tells nothing of a key
// with 128 random bits.
func (d *door) use(key string, now time.Time) (p pass, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok = d.keys[key]
	delete(d.keys, key)
	return p, ok && now.Before(p.expires)
}

// handover is a window that waits for a browser's word.
type handover struct {
	key     string
	agent   string
	expires time.Time
	asked   bool // an answer is under way
	decided chan struct{}
	login   *auth.Login // what follows is written before decided is closed
	err     error
	taken   bool
}

// ask makes the question; one that waited before is void.
func (d *door) ask(agent string, now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wait != nil && !d.wait.asked {
		d.wait.asked = true
		d.wait.decide(nil, auth.ErrPairExpired)
	}
	d.wait = &handover{key: rand.Text(), agent: agent, expires: now.Add(handoverFor), decided: make(chan struct{})}
	return d.wait.key
}

// answer takes the question for the one who has its key: once.
func (d *door) answer(key string, now time.Time) (*handover, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.wait
	if h == nil || h.asked || !now.Before(h.expires) || subtle.ConstantTimeCompare([]byte(key), []byte(h.key)) != 1 {
		return nil, auth.ErrPairExpired
	}
	h.asked = true
	return h, nil
}

func (h *handover) decide(l *auth.Login, err error) {
	h.login, h.err = l, err
	close(h.decided)
}

func (d *door) current(now time.Time) *handover {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wait == nil || !now.Before(d.wait.expires) {
		return nil
	}
	return d.wait
}

// collect gives the session out, once.
func (d *door) collect(h *handover) (*auth.Login, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h.err != nil {
		return nil, h.err
	}
	if h.taken {
		return nil, auth.ErrPairExpired
	}
	h.taken = true
	return h.login, nil
}
