package system

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Clipboard puts text where other programs paste from. Under X the one who
// copied answers whoever pastes, so it answers until something else is copied
// or Close: a connection of its own, no toolkit, no helper process.
type Clipboard struct {
	mu    sync.Mutex
	owner *owner
}

// NewClipboard opens nothing yet.
func NewClipboard() *Clipboard { return &Clipboard{} }

// Copy puts text on the clipboard.
func (c *Clipboard) Copy(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		if tool, err := exec.LookPath("wl-copy"); err == nil {
			cmd := exec.Command(tool)
			cmd.Stdin = strings.NewReader(text)
			return cmd.Run()
		}
	}
	if os.Getenv("DISPLAY") == "" {
		return errors.New("there is no display, so there is no clipboard")
	}
	if c.owner != nil {
		c.owner.close()
	}
	var err error
	c.owner, err = own(text)
	return err
}

// Close ends the answering; what was copied is gone then.
func (c *Clipboard) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owner != nil {
		c.owner.close()
		c.owner = nil
	}
}

// owner holds the selection CLIPBOARD.
type owner struct {
	x    *xgb.Conn
	text []byte
	done chan struct{}

	clipboard, targets, utf8, plain xproto.Atom
}

func own(text string) (*owner, error) {
	xgb.Logger.SetOutput(io.Discard) // it complains of a missing .Xauthority and goes on
	x, err := xgb.NewConn()
	if err != nil {
		return nil, fmt.Errorf("clipboard: %w", err)
	}
	o := &owner{x: x, text: []byte(text), done: make(chan struct{})}
	for name, atom := range map[string]*xproto.Atom{"CLIPBOARD": &o.clipboard, "TARGETS": &o.targets, "UTF8_STRING": &o.utf8, "text/plain;charset=utf-8": &o.plain} {
		a, err := xproto.InternAtom(x, false, uint16(len(name)), name).Reply()
		if err != nil {
			x.Close()
			return nil, fmt.Errorf("clipboard: %w", err)
		}
		*atom = a.Atom
	}
	win, err := xproto.NewWindowId(x)
	if err == nil {
		err = xproto.CreateWindowChecked(x, 0, win, xproto.Setup(x).DefaultScreen(x).Root, 0, 0, 1, 1, 0, xproto.WindowClassInputOnly, 0, 0, nil).Check()
	}
	if err == nil {
		err = xproto.SetSelectionOwnerChecked(x, win, o.clipboard, xproto.TimeCurrentTime).Check()
	}
	if err != nil {
		x.Close()
		return nil, fmt.Errorf("clipboard: %w", err)
	}
	go o.answer()
	return o, nil
}

// answer serves who pastes, until another program copies or the connection ends.
func (o *owner) answer() {
	defer close(o.done)
	defer o.x.Close()
	for {
		event, err := o.x.WaitForEvent()
		if event == nil && err == nil {
			return // closed
		}
		switch e := event.(type) {
		case xproto.SelectionClearEvent:
			return
		case xproto.SelectionRequestEvent:
			o.give(e)
		}
	}
}

func (o *owner) give(e xproto.SelectionRequestEvent) {
	property := e.Property
	if property == 0 { // obsolete clients
		property = e.Target
	}
	var err error
	switch e.Target {
	case o.targets:
		list := []xproto.Atom{o.targets, o.utf8, o.plain, xproto.AtomString}
		b := make([]byte, 4*len(list))
		for i, a := range list {
			xgb.Put32(b[4*i:], uint32(a))
		}
		err = xproto.ChangePropertyChecked(o.x, xproto.PropModeReplace, e.Requestor, property, xproto.AtomAtom, 32, uint32(len(list)), b).Check()
	case o.utf8, o.plain, xproto.AtomString: // an address is ASCII
		err = xproto.ChangePropertyChecked(o.x, xproto.PropModeReplace, e.Requestor, property, e.Target, 8, uint32(len(o.text)), o.text).Check()
	default:
		property = 0
	}
	if err != nil { // who asked has gone
		property = 0
	}
	told := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: property}
	xproto.SendEvent(o.x, false, e.Requestor, 0, string(told.Bytes()))
}

func (o *owner) close() {
	o.x.Close()
	<-o.done
}
