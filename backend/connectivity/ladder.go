package connectivity

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pc2/backend/boson"
	"pc2/backend/boson/activeproxy"
	"pc2/backend/event"
	"pc2/backend/fault"
	"pc2/backend/names"
	"pc2/backend/store"
)

// SuperNode is one that lends a way in.
type SuperNode struct {
	ID      boson.ID
	Peer    boson.ID // key of its relay
	Relay   string   // host:port
	Gateway string   // where names are registered: http(s)://host[:port]
}

// Config of a Ladder. Key and DB are required; without super nodes it stays offline.
type Config struct {
	Key        boson.Key
	SuperNodes []SuperNode
	Scheme     string // of public addresses: https or http; "": either
	Domain     string // that our address has to lie below; "": any
	Port       int    // of public addresses, as far as it is known; 0: the scheme's own
	// Public is the port of the listener that gateways may reach without a relay;
	// 0: the relay is the only way in.
	Public uint16
	// Map asks the router for a port that leads to one of this PC; nil: it is not asked.
	Map func(ctx context.Context, port uint16) (Mapping, error)
	// Watch calls moved when this PC came to another network or woke, until ctx
	// ends; nil: nobody does.
	Watch func(ctx context.Context, moved func())

	Want string // name to claim at the start if it is not this node's yet; "": none
	DB   *store.DB
	Bus  *event.Bus
	Log  *slog.Logger
}

// Ladder keeps the node reachable. It is the net.Listener of its visitors.
type Ladder struct {
	key            boson.Key
	super          []*target
	scheme, domain string
	port           int
	want           string
	db             *store.DB
	bus            *event.Bus
	log            *slog.Logger
	http           *http.Client

	checks   checks
	claiming sync.Mutex // one claim at a time; its seq is read, raised and kept
	conns    chan net.Conn
	again    chan struct{} // of length 1: do not wait, connect now
	done     chan struct{}
	close    sync.Once

	public    uint16
	ask       func(ctx context.Context, port uint16) (Mapping, error)
	watch     func(ctx context.Context, moved func())
	pace      pace
	inside    bool          // tests: ask a router on this PC
	nudged    chan struct{} // of length 1: look at the rungs now
	elsewhere atomic.Bool   // moved, and the climber does not know yet

	mu      sync.Mutex
	session *session  // nil: none
	looked  time.Time // at the rungs
	doubted bool      // a look is on its way because of a visitor
	state   State
	at      int              // index of the super node in use
	returns int              // to the first one
	lost    map[*target]bool // where the name has to be claimed again
	tried   chan struct{}
	first   sync.Once
}

// New returns a ladder; it starts nothing.
func New(cfg Config) *Ladder {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Bus == nil {
		cfg.Bus = event.New()
	}
	l := &Ladder{
		key: cfg.Key, scheme: cfg.Scheme, domain: strings.ToLower(cfg.Domain), port: cfg.Port, want: cfg.Want, checks: newChecks(), db: cfg.DB, bus: cfg.Bus, log: cfg.Log.With("part", "connectivity"),
		// No proxy from the environment and no redirects: a claim goes where it is addressed.
		http:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		conns: make(chan net.Conn), again: make(chan struct{}, 1), done: make(chan struct{}), tried: make(chan struct{}),
	}
	for _, s := range cfg.SuperNodes {
		l.super = append(l.super, &target{SuperNode: s, device: cfg.Key.RelayDevice(s.Peer)})
	}
	l.lost = map[*target]bool{}
	l.public, l.ask, l.watch, l.pace, l.nudged = cfg.Public, cfg.Map, cfg.Watch, usual, make(chan struct{}, 1)
	l.state = State{Since: time.Now(), Trying: len(l.super) > 0}
	l.state.derive()
	return l
}

// State is how the node is reached now.
func (l *Ladder) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Tried is closed when the first attempt to be reachable has ended, well or not.
func (l *Ladder) Tried() <-chan struct{} { return l.tried }

// Domain is what follows a name and a dot in an address, with its port if it has
// one; "" if it is not known.
func (l *Ladder) Domain() string {
	if l.domain == "" || l.port == 0 || l.port == map[string]int{"https": 443, "http": 80}[l.scheme] {
		return l.domain
	}
	return net.JoinHostPort(l.domain, strconv.Itoa(l.port))
}

// Address is where the world finds a name; "" if that is not known.
func (l *Ladder) Address(name names.Name) string {
	if l.domain == "" || l.scheme == "" {
		return ""
	}
	return l.scheme + "://" + name.String() + "." + l.Domain()
}

// SuperNodes are the ones of the profile, in their order.
func (l *Ladder) SuperNodes() []SuperNode {
	list := make([]SuperNode, len(l.super))
	for i, t := range l.super {
		list[i] = t.SuperNode
	}
	return list
}

func (l *Ladder) current() *target {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.super[l.at]
}

// set changes the state and tells of it, under the lock: who hears of two states
// hears of the newer one last. Publish waits for nobody.
func (l *Ladder) set(change func(*State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.state
	change(&l.state)
	l.state.derive()
	if l.state.Path != before.Path {
		l.state.Since = time.Now()
	}
	if after := l.state; after != before {
		event.Publish(l.bus, Changed{after})
		l.log.Info("reachability", "path", after.Path, "name", after.Name, "url", after.URL, "trouble", after.Trouble)
	}
}

// Reconnect tries now instead of at the end of the pause, the better rungs too.
func (l *Ladder) Reconnect() {
	l.nudge()
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// Accept returns the next visitor's connection; it implements net.Listener.
func (l *Ladder) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept; Run ends by its context.
func (l *Ladder) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

// Addr implements net.Listener.
func (l *Ladder) Addr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "connectivity" }
func (addr) String() string  { return "visitors through a super node" }

const (
	failuresBeforeNext = 3
	pauseFirst         = 300 * time.Millisecond
	pauseShort         = 5 * time.Second // for the first minutes: a super node restarts
	pauseLong          = time.Minute
	manyFailures       = 40
)

// Run keeps the node reachable until ctx ends.
func (l *Ladder) Run(ctx context.Context) error {
	defer l.Close()
	defer l.first.Do(func() { close(l.tried) })
	if len(l.super) == 0 {
		<-ctx.Done()
		return nil
	}
	var beside sync.WaitGroup
	defer beside.Wait()
	if l.public != 0 { // else the relay is all there is
		beside.Go(func() { l.climb(ctx) })
	}
	if l.watch != nil {
		beside.Go(func() { l.watch(ctx, l.moved) })
	}
	for failures := 0; ctx.Err() == nil; {
		online, err := l.attempt(ctx)
		if ctx.Err() != nil {
			break
		}
		if online {
			failures = 0
		}
		failures++
		l.log.Debug("not reachable", "failures", failures, "err", err)
		l.set(func(s *State) {
			s.Trying = false
			if code := fault.CodeOf(err); fault.As(err) != nil {
				s.Trouble = code
			}
		})
		l.first.Do(func() { close(l.tried) })
		if failures%failuresBeforeNext == 0 {
			l.next()
		}
		l.pause(ctx, failures, err)
	}
	return nil
}

func (l *Ladder) next() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = (l.at + 1) % len(l.super)
}

// pause waits before the next attempt: longer each time, never at the same
// moment as every other node that lost the same super node.
func (l *Ladder) pause(ctx context.Context, failures int, err error) {
	limit := pauseShort
	if failures > manyFailures || errors.Is(err, errNameless) {
		limit = pauseLong
	}
	d := min(pauseFirst<<min(failures-1, 10), limit)
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.again:
	case <-ctx.Done():
	}
}

// errNameless: without a name there is nothing that a visitor could open.
var errNameless = errors.New("this node has no name")

// attempt claims the name where it does not hold yet and keeps a relay session
// until it ends. online says whether there was one.
func (l *Ladder) attempt(ctx context.Context) (online bool, err error) {
	at := l.current()
	l.set(func(s *State) { s.SuperNode, s.Gateway = at.ID, at.Gateway })
	if err := l.settle(ctx, at); err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{at: at, cut: cancel}
	s.client, err = activeproxy.NewClient(activeproxy.ClientConfig{
		Relay: at.Relay, Peer: at.Peer, Device: at.device, User: l.key.ID(), Log: l.log,
		OnState: func(now activeproxy.State) {
			if now.Phase == activeproxy.Online {
				online = true
				l.began(s, now.Session)
				l.first.Do(func() { close(l.tried) })
			}
		},
	})
	if err != nil {
		return false, err
	}
	client := s.client
	var pump sync.WaitGroup
	pump.Go(func() { l.take(client) })
	pump.Go(func() { l.homeward(ctx, cancel) })
	err = client.Run(ctx)
	cancel()
	l.ended()
	client.Close()
	pump.Wait()
	if errors.Is(err, activeproxy.ErrRefused) {
		l.forget(at) // the relay knows no name of ours: claim it again
	}
	return online, err
}

// take hands the client's visitors on.
func (l *Ladder) take(client *activeproxy.Client) {
	for {
		c, err := client.Accept()
		if err != nil {
			return
		}
		select {
		case l.conns <- c:
			l.doubt()
		case <-l.done:
			c.Close()
			return
		}
	}
}

// settle sees to it that the name holds at the super node.
func (l *Ladder) settle(ctx context.Context, at *target) error {
	l.claiming.Lock()
	defer l.claiming.Unlock()
	h, err := l.load(ctx)
	if err != nil {
		return err
	}
	want := h.Name
	if l.want != "" {
		want = l.want
	}
	if want == "" {
		l.set(func(s *State) { s.Name, s.URL = "", "" })
		return errNameless
	}
	name, err := names.Parse(want)
	if err != nil {
		l.want = "" // it will not get better
		return err
	}
	if h.Name != name.String() || h.SuperNode != at.ID.String() || l.forgotten(at) {
		if err := l.claim(ctx, &h, names.Register, name, at); err != nil {
			if code := fault.CodeOf(err); code == "name_taken" && l.want != "" {
				l.want = "" // what we had before, if anything, stays ours
			}
			return err
		}
		l.remember(at)
	}
	l.set(func(s *State) { s.Name, s.URL, s.Trouble = h.Name, h.URL, "" })
	return nil
}

func (l *Ladder) forget(at *target)   { l.mark(at, true) }
func (l *Ladder) remember(at *target) { l.mark(at, false) }

func (l *Ladder) mark(at *target, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[at] = lost
}

func (l *Ladder) forgotten(at *target) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost[at]
}
