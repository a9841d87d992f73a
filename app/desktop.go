package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"pc2/app/autostart"
	"pc2/app/host"
	"pc2/app/icon"
	"pc2/app/instance"
	"pc2/app/link"
	"pc2/app/scheme"
	"pc2/app/system"
	"pc2/app/tray"
	"pc2/app/window"
	"pc2/backend/identity"
	"pc2/backend/keychain"
	"pc2/backend/node"
	"pc2/frontend"
)

// morePorts are tried when another program has the first one.
const morePorts = 10

// desktop is the program: what its parts say to each other.
type desktop struct {
	flags flags
	dir   string
	log   *slog.Logger
	one   *instance.Instance

	host      *host.Host
	tray      *tray.Tray
	window    *window.Window
	auto      *autostart.Autostart
	scheme    *scheme.Scheme
	clipboard *system.Clipboard

	life      context.Context // of the program; ends what waits for a click
	seen      atomic.Bool     // something shows the tray
	sight     chan struct{}   // closed once something has
	sighted   sync.Once
	told      sync.Once // that the program goes on without its window
	down      func()    // ends host and tray
	mu        sync.Mutex
	started   bool  // the node has answered once
	fatal     error // why nothing could be shown
	hasScreen error // nil: a window may be possible
}

func newDesktop(f flags, cfg node.Config, one *instance.Instance, ending func() bool) *desktop {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: node.LogLevel()}))
	d := &desktop{flags: f, dir: cfg.Dir, log: log.With("part", "desktop"), one: one, clipboard: system.NewClipboard(), sight: make(chan struct{}), hasScreen: window.Possible()}
	cfg.UI, cfg.Log, cfg.MorePorts, cfg.Desktop = frontend.FS(), log, morePorts, (*forPage)(d)
	cfg.OnReady = func(r node.Ready) { node.Welcome(os.Stdout, r) }
	self := entryOf(f, cfg.Dir, d.log)
	d.auto, d.scheme = autostart.New(atLogin(self)), schemeOf(self)
	can := tray.Available()
	keys := keychain.New()
	cfg.Keychain, cfg.Custody = keys, d.custody(can)
	d.host = host.New(host.Config{Node: cfg, Changed: d.changed, Asked: d.asked, Unlock: keys.Unlock, Log: log})
	d.window = window.New(window.Config{
		Enter: d.host.Enter, State: d.host.State, Start: d.host.Start, Browse: system.Browse, Opened: d.open, Closed: d.closed,
		Down: func() { d.down() }, Lost: d.lost, Ending: ending, Early: tray.NeedsLoop, Tray: d.seen.Load, Rest: f.Rest, Icon: icon.App, Log: log,
	})
	if can {
		on, err := d.auto.Enabled()
		if err != nil {
			d.log.Warn("start at login is not known", "err", err)
		}
		d.tray = tray.New(d.actions(), on, host.State{Kind: host.Starting, Sentence: "PC2 is starting…"}, log)
	}
	return d
}

// run is the program's life, on the main goroutine.
func (d *desktop) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.life = ctx
	var parts sync.WaitGroup
	stopTray := func() {}
	// The node first: without its connection to the bus the tray's end would take others' along.
	d.down = sync.OnceFunc(func() {
		cancel()
		parts.Wait()
		stopTray()
		d.clipboard.Close()
		d.log.Info("ended")
	})
	defer d.down()
	if d.tray != nil {
		stopTray = d.tray.Start()
	}
	switch {
	case d.tray == nil && d.hasScreen != nil:
		d.log.Warn("no tray and no window here, so PC2 runs as a node alone", "tray", "there is no session bus", "window", d.hasScreen)
	case d.tray == nil:
		d.log.Warn("no tray here: closing the window ends PC2", "reason", "there is no session bus")
	}
	parts.Go(func() {
		if err := d.host.Run(ctx); err != nil {
			d.fail(err)
		}
	})
	parts.Go(func() {
		if err := d.one.Serve(ctx, d.second); err != nil {
			d.log.Error("a second start will not find this one", "err", err)
		}
	})
	if d.flags.registers() {
		parts.Go(func() {
			if err := d.scheme.Register(ctx); err != nil {
				d.log.Warn("links may not open this PC2", "err", err)
			}
		})
	}
	go system.AwaitDisplay(ctx, d.over) // not a part: an X server that hangs must not keep PC2
	stop := context.AfterFunc(ctx, d.window.Quit)
	defer stop()
	d.host.Start()
	if d.hasScreen == nil {
		parts.Go(func() {
			if !d.hidden(ctx) {
				to, _ := d.follow(d.flags.Link)
				d.window.Show(to)
			}
		})
	}
	d.window.Loop()
	d.down()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fatal
}

// custody lets the key go from its file to the keychain for good only at a start
// at login, where PC2 starts at login: no other start shows that the keychain is
// open then.
func (d *desktop) custody(tray bool) identity.Custody {
	if !tray && d.hasScreen != nil { // as a node alone, which may be a service
		return identity.Headless
	}
	if on, err := d.auto.Enabled(); err != nil || on && !d.flags.Hidden {
		return identity.Both
	}
	return identity.Keychained
}

func (d *desktop) fail(err error) {
	d.mu.Lock()
	d.fatal = err
	d.mu.Unlock()
	d.window.Quit()
}

// hidden says whether this start shows no window: it was asked not to, and
// something shows the tray, which could bring it back. At login that comes up
// beside this program, so it gets its time.
func (d *desktop) hidden(ctx context.Context) bool {
	if !d.flags.Hidden || d.tray == nil {
		return false
	}
	select {
	case <-ctx.Done():
		return true
	case <-d.sight:
		return true
	case <-time.After(d.flags.Panel):
		d.log.Warn("nothing here shows the tray: closing the window ends PC2", "reason", "no StatusNotifierWatcher")
		return false
	}
}

// inSight follows what shows the tray. A window that is closed while nothing does
// ends the program; one that was closed before stays so, and a further start
// brings it back.
func (d *desktop) inSight(seen bool) {
	if seen {
		d.log.Debug("something shows the tray")
	} else {
		d.log.Debug("nothing shows the tray now")
	}
	d.seen.Store(seen)
	if seen {
		d.sighted.Do(func() { close(d.sight) })
	}
}

// over is the end of the session, of which the system gives no other word.
func (d *desktop) over() {
	d.log.Info("the session has ended, so PC2 ends")
	if runtime.GOOS == "windows" { // who returns from there may be ended at once
		d.lost()
	}
	d.window.Quit()
}

// lost ends the program from within a call that cannot return: the display has
// gone, since the session has ended.
func (d *desktop) lost() {
	d.log.Info("the display has gone, so PC2 ends")
	d.down()
	if err := d.one.Release(); err != nil {
		d.log.Error("release the data directory", "err", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// changed follows the node.
func (d *desktop) changed(s host.State) {
	if d.tray != nil {
		d.tray.Show(s)
	}
	d.window.Changed(s)
	d.mu.Lock()
	first := !d.started
	d.started = d.started || s.Running()
	d.mu.Unlock()
	if s.Kind != host.Trouble {
		return
	}
	if first && d.hasScreen != nil && !d.seen.Load() { // nobody would ever see it
		d.fail(s.Err)
		return
	}
	d.notify("PC2 has a problem", s.Sentence)
}

// second is a further start: show, at a link if there is one. A link that was
// refused does nothing at all: any page on the web can have one followed.
func (d *desktop) second(args []string) {
	if to, refused := d.follow(args); to != "" || !refused {
		d.window.Show(to)
	}
}

// follow is the page of the last good link.
func (d *desktop) follow(args []string) (to string, refused bool) {
	for _, a := range args {
		if !link.Is(a) {
			continue
		}
		page, err := link.Parse(a)
		if err != nil {
			d.log.Warn("a link was refused", "err", err)
			refused = true
			continue
		}
		to = page
	}
	return to, refused
}

func (d *desktop) open(url string) { d.second([]string{url}) }

// asked is a further browser that wants to be let in; the open page asks.
func (d *desktop) asked(name string) {
	if name == "" {
		name = "A new device"
	}
	d.notify("Let a device in?", name+" wants to come in to your PC2. Open PC2 to answer.")
}

// closed is said once: people take a closed window for an ended program.
func (d *desktop) closed() {
	d.told.Do(func() { d.notify("PC2 goes on", "Your PC2 stays reachable. It is in the tray.") })
}

func (d *desktop) notify(title, text string) { d.tell(system.Notice{Title: title, Text: text}) }

// tell does not wait: what shows notifications may hang.
func (d *desktop) tell(n system.Notice) {
	go func() {
		if err := system.Notify(d.life, n); err != nil {
			d.log.Info("no notification could be shown", "title", n.Title, "err", err)
		}
	}()
}

func (d *desktop) actions() tray.Actions {
	return tray.Actions{
		Open:    func() { d.window.Show("") },
		Browser: d.browser,
		Copy:    d.copyAddress,
		QR:      func() { d.window.Show("/desktop/address") },
		Toggle: func() {
			if s := d.host.State(); s.Kind == host.Stopped || s.Kind == host.Trouble && !s.Running() {
				d.host.Start()
			} else {
				d.host.Stop()
			}
		},
		Update:    func() { d.window.Show("/desktop/about") },
		Autostart: d.autostart,
		Logs: func() {
			d.attempt("the folder with the logs", func() error { return system.Folder(filepath.Join(d.dir, "logs")) })
		},
		Quit:  func() { d.window.Quit() },
		Seen:  d.inSight,
		Ended: d.over,
	}
}

// browser signs nobody in: it goes where a bookmark would, and is given the claim
// code of a node without an owner once it is there: others can read its command line.
func (d *desktop) browser() {
	url := d.host.Page()
	if url == "" {
		return
	}
	d.attempt("the browser", func() error { return system.Browse(url) })
}

func (d *desktop) copyAddress() {
	s := d.host.State()
	if s.Address == "" {
		return
	}
	if err := d.clipboard.Copy(s.Address); err != nil {
		d.log.Warn("the address could not be copied, so it is shown", "err", err)
		d.window.Show("/desktop/address")
		return
	}
	d.log.Info("address copied")
}

func (d *desktop) autostart(on bool) bool {
	if err := d.auto.Set(on); err != nil {
		d.log.Error("start at login", "err", err)
		d.notify("PC2", "Start at login could not be changed.")
	}
	now, err := d.auto.Enabled()
	return err == nil && now
}

// attempt opens something of the system's, which may not return.
func (d *desktop) attempt(what string, open func() error) {
	go func() {
		if err := open(); err != nil {
			d.log.Error("could not open "+what, "err", err)
			d.notify("PC2", "Could not open "+what+".")
		}
	}()
}

// forPage is what the page may ask of this program (api.Desktop).
type forPage desktop

func (p *forPage) Browse(url string) error {
	if p.hasScreen != nil {
		return fmt.Errorf("no browser: %w", p.hasScreen)
	}
	(*desktop)(p).attempt("the browser", func() error { return system.Browse(url) })
	return nil
}

func (p *forPage) Busy(d time.Duration) { p.window.Busy(d) }

func (p *forPage) Again() bool { return p.window.Again() }

// Window is asked by each page that runs in the window.
func (p *forPage) Window() bool {
	p.window.Arrived()
	return p.window.Is()
}
