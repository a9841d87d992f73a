//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

type options struct {
	program, super string
	out, tmp       string
	only           []string
	rounds         int
	prime          int64         // bytes
	hold           time.Duration // of what is counted
	big, huge      int64         // bytes of a file
	entries        int64         // of the listing
}

// suite is a run: the two servers, and what was measured so far.
type suite struct {
	options
	dir        string // all that is written lies here
	pattern    []byte
	primer     *primer
	report     report
	total      cost
	began      string // load average
	pc2, nginx *server
	byName     *server // pc2 through its gateway and relay
	twoHops    *server // nginx through another one, with TLS between

	mu      sync.Mutex // guards running and killed
	running []*server
	killed  bool
}

// part is one chapter of the run.
type part struct {
	name, title string
	run         func(context.Context, *suite) error
}

// parts in their order. One without a name is never left out.
func parts() []part {
	return []part{
		{"start", "start", measureStart},
		{"", "both servers", serve},
		{"streams", "one big file", measureStreams},
		{"ranges", "ranges", measureRanges},
		{"small", "small files", measureSmall},
		{"list", "listing", measureList},
		{"", "memory", measureMemory},
		{"huge", "a file of 2 GiB, and others at work", measureHuge},
		{"name", "files by name", measureByName},
		{"idle", "idle connections", measureIdle},
		{"away", "roads to a home", measureAway},
	}
}

func partNames() (names []string) {
	for _, p := range parts() {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	return names
}

func (s *suite) wants(name string) bool {
	return name == "" || len(s.only) == 0 || slices.Contains(s.only, name)
}

func newSuite(o options) (*suite, error) {
	if o.tmp == "" {
		o.tmp = filepath.Dir(o.program)
	}
	for _, name := range o.only {
		if !slices.Contains(partNames(), name) {
			return nil, fmt.Errorf("there is no part %q", name)
		}
	}
	dir, err := os.MkdirTemp(o.tmp, "bench-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	s := &suite{options: o, dir: dir, pattern: newPattern(), began: loadAverage()}
	s.report.When = time.Now().UTC().Format(time.RFC3339)
	// A copy, which nobody else has mapped, can be dropped from the page cache.
	if err = errors.Join(copyProgram(s.program, s.in("pc2d")), copyProgram(s.super, s.in("pc2super"))); err == nil {
		s.primer, err = newPrimer(dir, o.prime)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *suite) in(name string) string { return filepath.Join(s.dir, name) }

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("the program to measure: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// runs notes a server that is to end with the suite.
func (s *suite) runs(v *server) {
	if v == nil || v.cmd == nil || v.cmd.Process == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = append(s.running, v)
	if s.killed {
		v.cmd.Process.Kill()
	}
}

// kill ends whatever waits for a server.
func (s *suite) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
	for _, v := range s.running {
		v.cmd.Process.Kill() // fails when it has ended already
	}
}

// close stops the servers and removes everything.
func (s *suite) close() error {
	var errs []error
	for _, v := range slices.Backward(s.running) { // a home before its super node
		if err := v.stop(); err != nil && !errors.Is(err, os.ErrProcessDone) && !s.killed {
			errs = append(errs, err)
		}
	}
	s.primer.close()
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// named is the server at its public address, through its gateway and relay.
func (s *server) named(readyFile string) (*server, error) {
	var ready struct {
		GatewayURL string `json:"gateway_url"`
	}
	if err := readJSON(readyFile, &ready); err != nil {
		return nil, err
	}
	u, err := url.Parse(ready.GatewayURL)
	if err != nil {
		return nil, err
	}
	return &server{
		name: "PC2 by name", addr: net.JoinHostPort("127.0.0.1", u.Port()), host: u.Host,
		headers: s.headers, write: s.write, read: s.read, cmd: s.cmd, log: s.log,
	}, nil
}

// spent adds a cost to the run's total.
func (s *suite) spent(c cost) {
	s.total.Wall += c.Wall
	s.total.Server += c.Server
	s.total.Client += c.Client
	s.total.Others += c.Others
}

// serve starts both servers and signs in.
func serve(ctx context.Context, s *suite) (err error) {
	ready := s.in("ready.json")
	s.pc2, _, err = startPC2(pc2Config{program: s.in("pc2d"), dir: s.in("pc2"), ready: ready, name: homeName})
	s.runs(s.pc2)
	if err != nil {
		return err
	}
	if err := s.pc2.signIn(ctx, ready); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if s.byName, err = s.pc2.named(ready); err != nil {
		return err
	}
	var tls string
	s.nginx, tls, err = startNginx(s.in("nginx"))
	s.runs(s.nginx)
	if err != nil {
		return err
	}
	if s.twoHops, err = s.startFront(s.in("front"), tls, s.nginx); err != nil {
		return err
	}
	s.twoHops.read, s.twoHops.write = "/", "/"
	pause(ctx, 3*time.Second)
	if err := s.resident("RSS idle", "VmRSS", 40); err != nil {
		return err
	}
	return s.primer.fill()
}

// resident notes a size of both servers' memory.
func (s *suite) resident(name, field string, most float64) error {
	pc2, err := memoryOf(s.pc2.pids(), field)
	if err != nil {
		return err
	}
	nginx, err := memoryOf(s.nginx.pids(), field)
	if err != nil {
		return err
	}
	s.report.add(name, "MiB", series{pc2}, series{nginx}).Most = most
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// order is who begins a round: they take turns.
func (s *suite) order(round int) []*server {
	if round%2 == 1 {
		return []*server{s.nginx, s.pc2}
	}
	return []*server{s.pc2, s.nginx}
}

// describe says what the figures were measured on.
func (s *suite) describe() {
	m := &s.report.Machine
	m.Cores = runtime.NumCPU()
	if mem, err := kilobytes("/proc/meminfo", "MemTotal"); err == nil {
		m.MiB = mem / 1024
	}
	m.CPU = cpuModel()
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	m.Nginx = nginxVersion(s.nginx)
	m.Load = [2]string{s.began, loadAverage()}
	m.Primed = s.prime > 0
	if s.total.Wall > 0 {
		m.Others = s.total.Others.Seconds() / s.total.Wall.Seconds() / float64(m.Cores)
	}
	s.report.note("Median of the runs, in brackets the least and the most; the ratio is the median of the ratios of neighbouring runs.")
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
