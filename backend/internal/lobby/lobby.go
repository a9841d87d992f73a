package lobby

import (
	"container/list"
	"errors"
	"net"
	"sync"
	"time"
)

// Config of a Listener. Admit is required.
type Config struct {
	// Admit reads what the connection has to show and returns what Accept hands
	// over, or an error, upon which the connection is closed. Its deadlines are set
	// before and cleared after.
	Admit   func(net.Conn) (net.Conn, error)
	Timeout time.Duration // default: 5 s
	Max     int           // connections that wait at once; default: 256
	// Refused hears of connections that were not admitted, if it is not nil.
	Refused func(net.Conn, error)
}

// ErrCrowded: newer connections needed the place.
var ErrCrowded = errors.New("lobby: too many connections wait")

// Listener accepts what Admit admits.
type Listener struct {
	inner net.Listener
	cfg   Config

	start   sync.Once
	ready   chan net.Conn
	failed  chan error
	done    chan struct{}
	pending sync.WaitGroup

	mu      sync.Mutex
	waiting *list.List // of *guest, the oldest in front
	closed  bool
}

type guest struct {
	net.Conn
	crowded bool // closed to make room
}

var _ net.Listener = (*Listener)(nil)

// New returns a listener above inner, which it closes in the end. Its work
// begins with the first Accept.
func New(inner net.Listener, cfg Config) *Listener {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Max <= 0 {
		cfg.Max = 256
	}
	if cfg.Refused == nil {
		cfg.Refused = func(net.Conn, error) {}
	}
	return &Listener{inner: inner, cfg: cfg, ready: make(chan net.Conn), failed: make(chan error), done: make(chan struct{}), waiting: list.New()}
}

// Accept waits for the next connection that was admitted.
func (l *Listener) Accept() (net.Conn, error) {
	l.start.Do(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.closed {
			l.pending.Go(l.loop)
		}
	})
	select {
	case c := <-l.ready:
		return c, nil
	case err := <-l.failed:
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Addr is the inner listener's.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close closes the inner listener and the connections that wait.
func (l *Listener) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	for e := l.waiting.Front(); e != nil; e = e.Next() {
		e.Value.(*guest).Close()
	}
	l.mu.Unlock()
	var err error
	if first {
		close(l.done)
		err = l.inner.Close()
	}
	l.pending.Wait()
	return err
}

func (l *Listener) loop() {
	for {
		c, err := l.inner.Accept()
		if err == nil {
			l.enter(c)
			continue
		}
		select {
		case <-l.done:
			return
		case l.failed <- err: // whoever accepts decides how long to wait before the next try
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// enter gives c a place and a goroutine.
func (l *Listener) enter(c net.Conn) {
	g := &guest{Conn: c}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.Close()
		return
	}
	if l.waiting.Len() >= l.cfg.Max {
		oldest := l.waiting.Remove(l.waiting.Front()).(*guest)
		oldest.crowded = true
		oldest.Close()
	}
	e := l.waiting.PushBack(g)
	l.pending.Go(func() { l.look(g, e) })
}

func (l *Listener) look(g *guest, e *list.Element) {
	err := g.SetDeadline(time.Now().Add(l.cfg.Timeout))
	var admitted net.Conn
	if err == nil {
		admitted, err = l.cfg.Admit(g.Conn)
	}
	if err == nil {
		err = g.SetDeadline(time.Time{})
	}
	l.mu.Lock()
	if g.crowded {
		err = ErrCrowded
	}
	l.waiting.Remove(e) // from here on nobody closes it to make room
	l.mu.Unlock()
	if err == nil {
		select {
		case l.ready <- admitted:
		case <-l.done:
			err = net.ErrClosed
		}
	}
	if err != nil {
		g.Close()
		l.cfg.Refused(g.Conn, err)
	}
}
