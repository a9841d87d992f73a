//go:build linux

package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is also each program of the lab.
const roleVariable = "PC2_LAB_ROLE"

// Role is the main of a program of the lab.
type Role = func(ctx context.Context, args []string) error

// Main is what TestMain of a package with stories in the lab does: in a namespace
// this binary is the program that its role says.
func Main(m *testing.M, more map[string]Role) (code int) {
	if role := os.Getenv(roleVariable); role != "" {
		return play(role, os.Args[1:], more)
	}
	if os.Getuid() == 0 {
		if err := sweep(); err != nil {
			fmt.Fprintln(os.Stderr, "sweep:", err)
			return 1
		}
	}
	// Stories wait for routers most of the time: more of them at once than CPUs.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Needs skips where networks cannot be made. With PC2_LAB=1 (make lab) that is
// a failure.
func Needs(t testing.TB) {
	t.Helper()
	err := canMakeNetworks()
	switch {
	case err == nil:
	case os.Getenv("PC2_LAB") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// canMakeNetworks tries: root alone does not say it, inside a container.
var canMakeNetworks = sync.OnceValue(func() error {
	if os.Getuid() != 0 {
		return errors.New("network namespaces need root")
	}
	for _, p := range []string{"ip", "nft", "conntrack", miniupnpd} {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("%w (build/setup.sh installs it)", err)
		}
	}
	name := fmt.Sprintf("%s%d-0-try", prefix, os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		return fmt.Errorf("no network namespaces here: %w: %s", err, out)
	}
	var err error
	for _, try := range [][]string{{"nft", "add", "table", "inet", "try"}, {"conntrack", "-F"}, {"ip", "link", "add", "try", "type", "bridge"}} {
		if out, no := exec.Command("ip", append([]string{"netns", "exec", name}, try...)...).CombinedOutput(); no != nil {
			err = errors.Join(err, fmt.Errorf("no %s here: %w: %s", try[0], no, out))
		}
	}
	if out, gone := exec.Command("ip", "netns", "del", name).CombinedOutput(); gone != nil {
		err = errors.Join(err, fmt.Errorf("%w: %s", gone, out))
	}
	return err
})

const patience = 45 * time.Second // for what takes a second on a PC that is not busy

// Program is a process inside a namespace whose lines are read as they come.
type Program struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	ended chan struct{}

	mu    sync.Mutex
	lines []string
	read  int           // lines that expect has passed
	more  chan struct{} // closed and renewed with each line
}

// role starts this binary as another program.
func (s *Space) role(role string, args ...string) *Program {
	s.net.t.Helper()
	return s.start(role, append([]string{"env", roleVariable + "=" + role, "PC2_LOG_LEVEL=debug", os.Args[0]}, args...)...)
}

// Inside is the command line that runs a program in the namespace. `ip netns exec`
// becomes it: its process ID is the program's.
func (s *Space) Inside(args ...string) []string {
	return append([]string{"ip", "netns", "exec", s.name}, args...)
}

// start starts a program.
func (s *Space) start(name string, args ...string) *Program {
	t := s.net.t
	t.Helper()
	p := &Program{t: t, name: name, ended: make(chan struct{}), more: make(chan struct{})}
	in := s.Inside(args...)
	p.cmd = exec.Command(in[0], in[1:]...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	go p.listen(r)
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", p.name, p.short())
		}
	})
	return p
}

func (p *Program) listen(r *os.File) {
	defer close(p.ended)
	defer p.cmd.Wait()
	defer r.Close()
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, in.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

func (p *Program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// short is what it said without the requests that were answered well.
func (p *Program) short() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(slices.DeleteFunc(slices.Clone(p.lines), func(line string) bool {
		return strings.Contains(line, "msg=request") && strings.Contains(line, "status=200")
	}), "\n")
}

// expect waits for a line with the text, after those that earlier calls have seen.
func (p *Program) expect(text string) string {
	p.t.Helper()
	limit := time.After(patience)
	for ended := false; ; {
		p.mu.Lock()
		for p.read < len(p.lines) {
			line := p.lines[p.read]
			p.read++
			if strings.Contains(line, text) {
				p.mu.Unlock()
				return line
			}
		}
		more := p.more
		p.mu.Unlock()
		if ended {
			p.t.Fatalf("%s ended without %q", p.name, text)
		}
		select {
		case <-more:
		case <-p.ended:
			ended = true
		case <-limit:
			p.t.Fatalf("%s did not say %q", p.name, text)
		}
	}
}

// event reads the next line that is a JSON object with that event.
func (p *Program) event(name string) (e report) {
	p.t.Helper()
	line := p.expect(`{"event":"` + name + `"`)
	if err := json.NewDecoder(bytes.NewReader([]byte(line))).Decode(&e); err != nil {
		p.t.Fatalf("%s: %v", line, err)
	}
	return e
}

// stop asks the program to end and waits.
func (p *Program) stop() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Errorf("%s does not end", p.name)
		p.Kill()
	}
}

// Kill ends the program at once.
func (p *Program) Kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// Freeze makes the program hang, until Thaw.
func (p *Program) Freeze() { p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *Program) Thaw()   { p.cmd.Process.Signal(syscall.SIGCONT) }

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
