package host

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"pc2/backend/auth"
	"pc2/backend/connectivity"
	"pc2/backend/event"
	"pc2/backend/fault"
	"pc2/backend/identity"
	"pc2/backend/keychain"
	"pc2/backend/node"
)

// Config of a Host. Node is what every start uses.
type Config struct {
	Node    node.Config
	Changed func(State)                 // called for each new state, one at a time; must not block
	Asked   func(deviceName string)     // a further browser wants to be let in; may be nil
	Unlock  func(context.Context) error // asks to unlock the PC's keychain and waits until it is open; may be nil
	Log     *slog.Logger
}

// healthEvery is how often it is looked whether the database still takes writes.
const healthEvery = 10 * time.Second

// Host keeps a node. Its methods may be called from any goroutine.
type Host struct {
	cfg  Config
	log  *slog.Logger
	wake chan struct{} // want has changed

	tell sync.Mutex // held while Changed runs, so that states arrive in order

	mu    sync.Mutex // guards what follows
	want  bool
	state State
	node  *node.Node // while it answers
}

// New starts nothing.
func New(cfg Config) *Host {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Changed == nil {
		cfg.Changed = func(State) {}
	}
	return &Host{cfg: cfg, log: cfg.Log.With("part", "host"), wake: make(chan struct{}, 1), state: stopped()}
}

func stopped() State { return State{Kind: Stopped, Sentence: "PC2 is stopped."} }

// Start asks for a running node.
func (h *Host) Start() { h.ask(true) }

// Stop asks for a stopped one.
func (h *Host) Stop() { h.ask(false) }

func (h *Host) ask(run bool) {
	h.mu.Lock()
	h.want = run
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (h *Host) wanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.want
}

// State is the newest state.
func (h *Host) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Enter is an address that lets a window of this PC in, once; "" while there is
// no page to come in to.
func (h *Host) Enter(to string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.node == nil {
		return ""
	}
	return h.node.Enter(to)
}

// Page is the page's address for a browser, which may become the owner's if there is
// none; "" while there is no page.
func (h *Host) Page() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.node == nil {
		return ""
	}
	return h.node.Page()
}

// Run starts and stops the node as asked until ctx ends.
func (h *Host) Run(ctx context.Context) error {
	for {
		for !h.wanted() {
			select {
			case <-ctx.Done():
				return nil
			case <-h.wake:
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		asked, err := h.once(ctx)
		if errors.Is(err, keychain.ErrLocked) && h.cfg.Unlock != nil && ctx.Err() == nil {
			h.locked(ctx, err)
			continue
		}
		if ctx.Err() == nil && (err != nil || !asked) {
			h.mu.Lock()
			h.want = false // a node that failed waits for somebody to start it
			h.mu.Unlock()
		}
		switch {
		case err != nil:
			h.log.Error("the node has ended", "err", err)
			h.set(State{Kind: Trouble, Sentence: plainly(err), Err: err}, nil)
		case ctx.Err() != nil || asked: // perhaps to be started again at once
			h.set(stopped(), nil)
		default:
			err := errors.New("the node ended without being asked to")
			h.set(State{Kind: Trouble, Sentence: "PC2 ended by itself.", Err: err}, nil)
		}
	}
}

// locked waits until the keychain that has the key is unlocked, or somebody says
// Start or Stop.
func (h *Host) locked(ctx context.Context, err error) {
	select {
	case <-h.wake: // of the start that has just been tried
	default:
	}
	if !h.wanted() {
		h.set(stopped(), nil)
		return
	}
	h.log.Warn("the node waits for the keychain", "err", err)
	h.set(State{Kind: Trouble, Sentence: "PC2 waits until your keyring is unlocked. It has the key to your data.", Err: err}, nil)
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	opened := make(chan error, 1)
	go func() { opened <- h.cfg.Unlock(waiting) }()
	select {
	case <-opened: // or not: the next try tells
	case <-h.wake:
		cancel()
		<-opened
	}
	if ctx.Err() != nil || !h.wanted() {
		h.set(stopped(), nil)
	}
}

// once runs a node from its start to its end, and says whether that was asked for.
func (h *Host) once(ctx context.Context) (asked bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.set(State{Kind: Starting, Sentence: "PC2 is starting…"}, nil)
	cfg := h.cfg.Node
	ready := make(chan struct{})
	cfg.OnReady = func(r node.Ready) {
		if h.cfg.Node.OnReady != nil {
			h.cfg.Node.OnReady(r)
		}
		close(ready)
	}
	n, err := node.New(ctx, cfg)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	h.cfg.Node.Listen = strings.TrimPrefix(n.URL(), "http://")
	h.cfg.Node.Custody = identity.AsIs // what a later start finds says nothing about how the PC starts
	var wg sync.WaitGroup
	wg.Go(func() { asked = h.watch(ctx, cancel, n, ready) })
	err = n.Run(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // stopped in the middle of its start
	}
	cancel()
	wg.Wait()
	return asked, err
}

// watch tells each state of n, and ends it when that is asked for.
func (h *Host) watch(ctx context.Context, stop func(), n *node.Node, ready <-chan struct{}) (asked bool) {
	moved := event.Subscribe[connectivity.Changed](n.Bus(), 8)
	defer moved.Close()
	pairs := event.Subscribe[auth.PairRequested](n.Bus(), 8)
	defer pairs.Close()
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	up := false
	for {
		select {
		case <-ctx.Done():
			return false
		case <-h.wake:
		case <-ready:
			up, ready = true, nil
		case <-moved.C():
		case q := <-pairs.C():
			if h.cfg.Asked != nil {
				h.cfg.Asked(q.DeviceName)
			}
			continue
		case <-tick.C:
		}
		if !h.wanted() {
			h.set(State{Kind: Starting, Sentence: "PC2 is stopping…"}, nil)
			stop()
			return true
		}
		if up {
			h.set(running(n.URL(), n.State(), n.Healthy()), n)
		}
	}
}

// set keeps a state and tells it, if it is another than the last one.
func (h *Host) set(s State, n *node.Node) {
	h.tell.Lock()
	defer h.tell.Unlock()
	h.mu.Lock()
	same := h.state.Kind == s.Kind && h.state.Sentence == s.Sentence && h.state.URL == s.URL && h.state.Address == s.Address
	h.state, h.node = s, n
	h.mu.Unlock()
	if !same {
		h.cfg.Changed(s)
	}
}

// plainly is what fits a tooltip and a notification; the whole error is in the log.
func plainly(err error) string {
	if f := fault.As(err); f != nil {
		return "PC2 could not run. " + f.Msg
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return "PC2 could not run: " + strings.TrimRight(line, ":. ") + "."
}
