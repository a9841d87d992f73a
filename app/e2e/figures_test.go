//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// memory of the program and all below it, in MiB: PSS, and what of it the
// system cannot simply drop.
func (p *program) memory() (pss, dirty float64, processes int) {
	p.Helper()
	for _, pid := range append(p.children("."), p.cmd.Process.Pid) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it ended meanwhile
		}
		for sc := bufio.NewScanner(f); sc.Scan(); {
			fields := strings.Fields(sc.Text())
			if len(fields) < 2 {
				continue
			}
			kib, _ := strconv.ParseFloat(fields[1], 64) // the first line names the range
			switch fields[0] {
			case "Pss:":
				pss += kib / 1024
				processes++
			case "Anonymous:":
				dirty += kib / 1024
			}
		}
		f.Close()
	}
	return pss, dirty, processes
}

func (p *program) tellMemory(when string) {
	p.Helper()
	pss, dirty, n := p.memory()
	fmt.Printf("desktop  %-34s %d processes  PSS %5.0f MiB  dirty %4.0f MiB\n", when, n, pss, dirty)
}

// cpu is what the program has used so far.
func (p *program) cpu() time.Duration {
	p.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "stat"))
	if err != nil {
		p.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 wherever Go runs on Linux
}

// toPaint is the time from a click in the menu to the page on the screen.
func (p *program) toPaint() time.Duration {
	p.Helper()
	x := p.xserver()
	defer x.Close()
	start := time.Now()
	p.click("Open PC2")
	for shades(p.strip(x)) <= 8 {
		if time.Since(start) > patience {
			p.Fatalf("not painted after %v\n%s", patience, tail(p.log()))
		}
		time.Sleep(3 * time.Millisecond)
	}
	return time.Since(start).Round(time.Millisecond)
}

// Memory, time to paint and idle CPU: printed, and held to no bound here. Run by
// make bench, on a machine that does nothing else.
func TestFigures(t *testing.T) {
	if os.Getenv("PC2_FIGURES") == "" {
		t.Skip("figures are for a quiet machine: make bench")
	}
	rounds, err := strconv.Atoi(os.Getenv("PC2_FIGURES"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t)
	p := s.start("--hidden", "--rest", "1s")
	p.claim()
	began, idle := p.cpu(), 5*time.Minute
	time.Sleep(idle)
	fmt.Printf("desktop  CPU in %v at rest                   %v\n", idle, p.cpu()-began)
	p.tellMemory("hidden, never opened")
	first := []time.Duration{p.toPaint()}
	s.painted("figures")
	p.tellMemory("window open")
	var times []time.Duration
	for i := range rounds {
		p.closeWindow()
		p.shown(0)
		p.rests()
		if i == 0 || i == rounds-1 {
			time.Sleep(3 * time.Second)
			p.tellMemory(fmt.Sprintf("resting, round %d", i+1))
		}
		times = append(times, p.toPaint())
	}
	slices.Sort(times)
	fmt.Printf("desktop  open from rest, painted after        %v (median of %d; %v to %v)\n", times[len(times)/2], len(times), times[0], times[len(times)-1])
	p.click("Quit")
	p.leaves()
	for range 6 {
		p = s.start("--hidden")
		time.Sleep(3 * time.Second) // its own start is over
		first = append(first, p.toPaint())
		p.click("Quit")
		p.leaves()
	}
	slices.Sort(first)
	fmt.Printf("desktop  first open, painted after            %v (median of %d programs; %v to %v)\n", first[len(first)/2], len(first), first[0], first[len(first)-1])
}
