//go:build linux

package e2e

import (
	"testing"
	"time"
)

// In the dark theme no light frame is seen while the window opens, the first time
// and from rest.
func TestDarkWindow(t *testing.T) {
	s := newStage(t)
	s.set("GTK_THEME", "Adwaita:dark")
	p := s.start("--hidden", "--rest", "1s")
	p.claim()
	p.opensDark("dark-first")
	p.closeWindow()
	p.shown(0)
	p.rests()
	p.opensDark("dark-again")
	p.click("Quit")
	p.leaves()
}

// opensDark looks at each frame from the click until the page is painted.
func (p *program) opensDark(picture string) {
	p.Helper()
	x := p.xserver()
	defer x.Close()
	p.click("Open PC2")
	frames := 0
	for end := time.Now().Add(patience); ; frames++ {
		gray := p.strip(x)
		light := 0
		for _, g := range gray {
			if g > 150 {
				light++
			}
		}
		if light > len(gray)/2 {
			p.keep(p.dir, picture)
			p.Fatalf("frame %d after the click is light", frames)
		}
		if shades(gray) > 8 {
			break
		}
		if time.Now().After(end) {
			p.Fatalf("not painted after %v\n%s", patience, tail(p.log()))
		}
		time.Sleep(3 * time.Millisecond)
	}
	p.painted(picture)
}
