//go:build linux

package e2e

import (
	"bytes"
	"os/exec"
)

// painted waits until the screen stands still with something in the window, and
// keeps a picture of it.
func (s *stage) painted(name string) {
	s.Helper()
	var last []byte
	s.until("the window is painted: "+name, func() bool {
		out, err := exec.Command("import", "-window", "root", "-crop", "700x500+290+200", "gray:-").Output()
		if err != nil {
			s.Fatal(err)
		}
		still := bytes.Equal(out, last)
		last = out
		return still && shades(out) > 8 // text has edges
	})
	s.picture(name)
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
