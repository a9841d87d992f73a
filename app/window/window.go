package window

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pc2/app/host"
)

// Config of a Window. Enter, State, Start and Browse are required.
type Config struct {
	Enter  func(to string) string // an address of the page that works once; "" while the node does not answer
	State  func() host.State
	Start  func()                 // asks for a running node
	Browse func(url string) error // opens the system's browser; may take long
	Down   func()                 // ends everything else; called when the window ends the program
	Lost   func()                 // the display has gone, and the window's thread with it; must end the process
	Early  bool                   // the tray needs the window's loop from the start
	Tray   func() bool            // something can bring back a closed window, now; nil: never
	Ending func() bool            // the program was told to end, perhaps a moment ago; may be nil
	Rest   time.Duration          // how long a closed window keeps its page; 0: a minute
	Closed func()                 // the window was closed and the program goes on; may be nil
	Opened func(url string)       // macOS: a pc2:// link; may be nil
	Icon   []byte
	Log    *slog.Logger
}

// Window is the window. Its methods may be called from any goroutine.
type Window struct {
	cfg   Config
	log   *slog.Logger
	token string // of the local page's Start

	ask, stop   chan struct{}
	ready, over chan struct{} // the webview has started, has ended
	quitOnce    sync.Once
	leave       atomic.Bool // the next closing is a quit
	broken      error       // Wails failed in a way that forbids another try

	mu      sync.Mutex // guards what follows
	view    view       // nil before ready is closed
	state   state
	running bool   // the node answered when it was last told
	next    string // where the next load goes
	browse  bool   // the browser waits for the node
	busy    time.Time
	timer   *time.Timer
	late    *time.Timer // a page that was sent for does not come
	going   string      // what was sent for
	again   int         // how often, since one came
	anew    time.Time   // when the page last asked to be loaded anew
}

const (
	// WebKitGTK took an address and never loaded what is behind it, about once in a few
	// hundred openings on a busy machine: a change of processes that lost a race. Its
	// cause is gone (api, alone), and this is for what else may lose a page.
	patience = 15 * time.Second
	retries  = 3
	// A page that is refused at once when it was loaded anew is not helped by that.
	anewEvery = 10 * time.Second
)

// view is the webview: Wails, or a test's.
type view interface {
	Show()
	Hide()
	Load() // the node's page, or the local one while there is none
	Rest() // gives the page's memory back
	Quit()
}

type state int

const (
	open state = iota
	closed
	resting
)

// New shows nothing.
func New(cfg Config) *Window {
	if cfg.Rest <= 0 {
		cfg.Rest = time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Tray == nil {
		cfg.Tray = func() bool { return false }
	}
	if cfg.Ending == nil {
		cfg.Ending = func() bool { return false }
	}
	if cfg.Down == nil {
		cfg.Down = func() {}
	}
	if cfg.Lost == nil {
		cfg.Lost = func() { os.Exit(1) }
	}
	if cfg.Closed == nil {
		cfg.Closed = func() {}
	}
	if cfg.Opened == nil {
		cfg.Opened = func(string) {}
	}
	w := &Window{
		cfg: cfg, log: cfg.Log.With("part", "window"), token: rand.Text(), next: "/",
		ask: make(chan struct{}, 1), stop: make(chan struct{}), ready: make(chan struct{}), over: make(chan struct{}),
	}
	w.timer = time.AfterFunc(time.Hour, w.unload)
	w.timer.Stop()
	w.late = time.AfterFunc(time.Hour, w.loadAgain)
	w.late.Stop()
	return w
}

// Loop runs on the main goroutine until Quit.
func (w *Window) Loop() {
	var early chan struct{}
	if w.cfg.Early {
		early = make(chan struct{})
		close(early)
	}
	for {
		var err error
		select {
		case <-w.stop:
			return
		case <-early:
			early = nil
			err = w.run(true)
		case <-w.ask:
			err = w.run(false)
		}
		if err == nil {
			return
		}
		w.log.Warn("no window, so the browser is opened", "reason", err)
		w.openBrowser()
	}
}

// Show asks for the window: at a page of the node (a path), or "" for the one
// that it has.
func (w *Window) Show(to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if to != "" {
		w.next = to
	}
	if w.view == nil {
		select {
		case w.ask <- struct{}{}:
		default: // already on its way
		}
		return
	}
	w.timer.Stop()
	if w.state == resting || to != "" {
		w.view.Load()
	}
	w.state = open
	w.view.Show()
	w.log.Info("window: shown")
}

// Hide is the close button.
func (w *Window) Hide() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.view == nil {
		return
	}
	w.view.Hide()
	if w.state == open {
		w.state = closed
		w.timer.Reset(w.cfg.Rest)
	}
	w.log.Info("window: closed")
}

// Busy asks that a closed window keeps its page for d from now on; 0 takes the
// wish back.
func (w *Window) Busy(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = time.Now().Add(d)
	if d == 0 && w.state == closed && w.timer.Stop() { // it waits for the end of a wish that is over
		w.timer.Reset(w.cfg.Rest)
	}
}

// unload takes a closed window's page away, unless that asked to stay.
func (w *Window) unload() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != closed {
		return
	}
	if left := time.Until(w.busy); left > 0 {
		w.timer.Reset(max(left, w.cfg.Rest))
		w.log.Info("window: the page has something to lose and stays")
		return
	}
	w.state = resting
	w.view.Rest()
	go debug.FreeOSMemory() // what showing a page has taken here
	w.log.Info("window: resting")
}

// Changed follows the node: the window shows the local page while it does not
// answer, and comes in again when it does.
func (w *Window) Changed(s host.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.running
	w.running = s.Running()
	if w.running == was {
		return
	}
	if w.running && w.browse {
		w.browse = false
		go w.openBrowser()
	}
	// The local page sees by itself that the node is back.
	if w.view != nil && w.state != resting && !w.running {
		w.view.Load()
	}
}

// Seen says whether the window is open.
func (w *Window) Seen() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view != nil && w.state == open
}

// Is says whether there is a window, or the browser in its place.
func (w *Window) Is() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view != nil
}

// started is called once the webview runs.
func (w *Window) started(v view, hidden bool) {
	w.mu.Lock()
	w.view = v
	if hidden {
		w.state = closed
	}
	w.mu.Unlock()
	close(w.ready)
	select {
	case <-w.ask: // asked again while starting
		w.Show("")
	default:
	}
}

// take is where this load goes; the one after it goes to the page as it was left.
func (w *Window) take() string {
	w.mu.Lock()
	to := w.next
	w.mu.Unlock()
	url := w.cfg.Enter(to)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late.Stop()
	if url == "" {
		return ""
	}
	w.next = "/"
	if w.view != nil && !strings.HasPrefix(to, "/desktop/") { // those do not say that they came
		w.going = to
		w.late.Reset(patience)
	}
	return url
}

// Arrived is told when the node's page runs in the window.
func (w *Window) Arrived() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late.Stop()
	w.again = 0
}

// Again is asked by a page that has lost its way in. It says whether the page is
// loaded anew.
func (w *Window) Again() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.view == nil || w.state == resting || !w.running || time.Since(w.anew) < anewEvery {
		return false
	}
	w.anew = time.Now()
	w.log.Info("window: the page has lost its way in and is loaded anew")
	w.view.Load()
	return true
}

// loadAgain sends once more for a page that did not come.
func (w *Window) loadAgain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.over:
		return
	default:
	}
	if w.state == resting || !w.running || w.again == retries {
		return
	}
	w.again++
	if w.next == "/" {
		w.next = w.going
	}
	w.log.Warn("window: the page did not come, so it is loaded again", "try", w.again)
	w.view.Load()
}

// openBrowser is the way in where there is no window.
func (w *Window) openBrowser() {
	url := w.take()
	if url == "" {
		w.mu.Lock()
		w.browse = true
		again := w.running // it came meanwhile
		w.mu.Unlock()
		if again {
			url = w.take()
		}
		if url == "" {
			return
		}
		w.mu.Lock()
		w.browse = false // what it waited for is here; the node's next start opens nothing unasked
		w.mu.Unlock()
	}
	go func() { // xdg-open may not return
		if err := w.cfg.Browse(url); err != nil {
			w.log.Error("no browser either", "err", err)
		}
	}()
}

// Quit ends Loop. It asks until the webview has heard it: one that comes before
// its loop turns is lost.
func (w *Window) Quit() {
	w.quitOnce.Do(func() {
		close(w.stop)
		go func() {
			<-w.ready
			for {
				w.leave.Store(true)
				w.view.Quit()
				select {
				case <-w.over:
					return
				case <-time.After(500 * time.Millisecond):
				}
			}
		}()
	})
}

// ending says whether Quit was called or is about to be.
func (w *Window) ending() bool {
	select {
	case <-w.stop:
		return true
	default:
		return w.cfg.Ending()
	}
}

// closing is the webview's question before it closes: for the close button, for
// Quit and for Wails's own signal handler. Only Quit gets through, once each
// time it asks, so that never two threads end the loop.
func (w *Window) closing(context.Context) (stay bool) {
	if w.leave.CompareAndSwap(true, false) {
		return false
	}
	if w.ending() { // Quit asks by itself
		return true
	}
	if w.cfg.Tray() {
		go func() { // not here: on Windows this is the thread that Hide waits for
			w.Hide()
			w.cfg.Closed()
		}()
	} else {
		w.Quit()
	}
	return true
}
