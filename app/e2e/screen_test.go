//go:build linux

package e2e

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// painted waits until the screen stands still with something in the window, and
// keeps a picture of it.
func (s *stage) painted(name string) {
	s.Helper()
	var last []byte
	s.until("the window is painted: "+name, func() bool {
		out := s.screen()
		still := bytes.Equal(out, last)
		last = out
		return still && shades(out) > 8 // text has edges
	})
	s.picture(name)
}

// screen is the inner part of the window, in shades of gray.
func (s *stage) screen() []byte {
	s.Helper()
	return s.part("880x500+290+200")
}

func (s *stage) part(where string) []byte {
	s.Helper()
	out, err := exec.Command("import", "-window", "root", "-crop", where, "gray:-").Output()
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// turn presses a key that moves something in the window, and waits until that is
// seen: one that comes before the page listens is lost.
func (s *stage) turn(key string) {
	s.Helper()
	before := s.screen()
	s.until("the screen follows "+key, func() bool {
		s.do("key", key)
		for range 50 {
			time.Sleep(100 * time.Millisecond)
			if !bytes.Equal(before, s.screen()) {
				return true
			}
		}
		return false
	})
}

// strip is a small part of it, as the X server has it: asked for every few
// milliseconds, beside a program that is being timed.
func (s *stage) strip(x *xgb.Conn) []byte {
	s.Helper()
	root := xproto.Drawable(xproto.Setup(x).DefaultScreen(x).Root)
	out, err := xproto.GetImage(x, xproto.ImageFormatZPixmap, root, 500, 220, 300, 60, 1<<32-1).Reply()
	if err != nil {
		s.Fatal(err)
	}
	gray := make([]byte, 0, len(out.Data)/4)
	for p := range slices.Chunk(out.Data, 4) {
		gray = append(gray, p[1]) // of blue, green, red, nothing: text has edges in each
	}
	return gray
}

func shades(gray []byte) (n int) {
	var seen [256]bool
	for _, g := range gray {
		if !seen[g] {
			seen[g] = true
			n++
		}
	}
	return n
}

// corner is where the page of the window with the keyboard begins. The panel's story starts the
// panel anew, and the window manager then puts windows elsewhere.
func (p *program) corner() (x, y int) {
	p.Helper()
	out, err := exec.Command("xdotool", "getactivewindow").Output()
	if err != nil {
		p.Fatal(err)
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 32)
	if err != nil {
		p.Fatal(err)
	}
	c := p.xserver()
	defer c.Close()
	at, err := xproto.TranslateCoordinates(c, xproto.Window(id), xproto.Setup(c).DefaultScreen(c).Root, 0, 0).Reply()
	if err != nil {
		p.Fatal(err)
	}
	return int(at.DstX), int(at.DstY)
}

// xserver is a connection to the X server.
func (s *stage) xserver() *xgb.Conn {
	s.Helper()
	xgb.Logger.SetOutput(io.Discard) // it complains of a missing .Xauthority and goes on
	x, err := xgb.NewConnDisplay(os.Getenv("DISPLAY"))
	if err != nil {
		s.Fatal(err)
	}
	return x
}
