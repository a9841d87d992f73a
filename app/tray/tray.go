package tray

import (
	"log/slog"
	"runtime"
	"sync"

	"fyne.io/systray"

	"pc2/app/host"
	"pc2/app/icon"
)

// Actions are what the entries do. Each is called on a goroutine of its own,
// and not again before it has returned.
type Actions struct {
	Open, Browser, Copy, QR, Toggle, Update, Logs, Quit func()
	// Seen is called when something begins to show the tray, and when nothing does
	// any more. It must not block.
	Seen func(bool)
	// Ended is called when the session has ended, and the tray with it. On Windows
	// the process may be gone when it returns.
	Ended func()
	// Autostart turns start at login on or off and says what holds then.
	Autostart func(on bool) (now bool)
}

// Tray is the icon. There is one in a process.
type Tray struct {
	do   Actions
	log  *slog.Logger
	auto bool // how the check mark begins

	mu    sync.Mutex
	built bool
	face  Face
	items items
}

type items struct {
	line, browser, copy, qr, toggle, auto *systray.MenuItem
}

// New shows nothing yet. auto says whether the program starts at login.
func New(do Actions, auto bool, first host.State, log *slog.Logger) *Tray {
	return &Tray{do: do, log: log.With("part", "tray"), auto: auto, face: faceOf(first)}
}

// Show follows a state.
func (t *Tray) Show(s host.State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.face
	t.face = faceOf(s)
	if t.built && old != t.face {
		t.apply(old)
	}
}

// ready builds the menu. It must return: on Linux the menu is not handed out
// before it has.
func (t *Tray) ready() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if runtime.GOOS == "linux" {
		systray.SetTitle("PC2") // its name on the bus; on macOS it would stand beside the icon
	}
	systray.SetOnTapped(func() { go t.do.Open() })
	i := &t.items
	i.line = systray.AddMenuItem(t.face.Line, "")
	i.line.Disable()
	systray.AddSeparator()
	entry("Open PC2", t.do.Open)
	i.browser = entry("Open in browser", t.do.Browser)
	i.copy = entry("Copy my address", t.do.Copy)
	i.qr = entry("Show QR code", t.do.QR)
	systray.AddSeparator()
	i.toggle = entry(t.face.Toggle, t.do.Toggle)
	entry("Update…", t.do.Update)
	i.auto = systray.AddMenuItemCheckbox("Start at login", "", t.auto)
	go each(i.auto, t.autostart)
	entry("Logs", t.do.Logs)
	systray.AddSeparator()
	entry("Quit", t.do.Quit)
	t.built = true
	shown := Face{}
	if runtime.GOOS == "linux" {
		shown.Tooltip = t.face.Tooltip // not yet: its arrival tells that the item is on the bus
	}
	t.apply(shown)
	t.log.Info("tray: menu built")
}

func entry(title string, do func()) *systray.MenuItem {
	m := systray.AddMenuItem(title, "")
	go each(m, do)
	return m
}

// each lives as long as the process: systray closes no channel.
func each(m *systray.MenuItem, do func()) {
	for range m.ClickedCh {
		do()
	}
}

func (t *Tray) autostart() {
	if t.do.Autostart(!t.items.auto.Checked()) {
		t.items.auto.Check()
	} else {
		t.items.auto.Uncheck()
	}
}

// apply shows what differs from old. On Linux systray panics when the bus has
// gone, which it does with the session, at any moment.
func (t *Tray) apply(old Face) {
	defer func() {
		if p := recover(); p != nil {
			t.log.Warn("tray: nothing shows it any more", "reason", p)
		}
	}()
	f, i := t.face, &t.items
	if f.Icon != old.Icon {
		systray.SetIcon(icon.Tray(f.Icon))
	}
	if f.Tooltip != old.Tooltip {
		systray.SetTooltip(f.Tooltip)
	}
	if f.Line != old.Line {
		i.line.SetTitle(f.Line)
	}
	if f.Toggle != old.Toggle {
		i.toggle.SetTitle(f.Toggle)
	}
	enable(i.browser, f.Open)
	enable(i.copy, f.Address)
	enable(i.qr, f.Address)
}

func enable(m *systray.MenuItem, on bool) {
	if on == !m.Disabled() {
		return
	}
	if on {
		m.Enable()
	} else {
		m.Disable()
	}
}
