//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"pc2/backend/lab"
)

// patience is how long a person would wait, on a machine that is busy.
const patience = time.Minute

// stage is the private desktop and a directory for one story.
type stage struct {
	*testing.T
	dir     string
	opened  string // what the system's browser was asked for, a line each
	env     []string
	running *program
	profile string     // of the network
	in      *lab.Space // the computer that it runs on; nil: this one
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if os.Getenv("PC2_APP") == "" {
		t.Skip("needs the built program and a desktop: run it by make desktop")
	}
	s := &stage{T: t, dir: t.TempDir(), profile: "local"}
	s.opened = filepath.Join(s.dir, "opened")
	bin := filepath.Join(s.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho \"$1\" >>'" + s.opened + "'\n"
	if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(s.dir, "config")
	s.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+config, "PC2_LOG_LEVEL=debug")
	return s
}

// set changes the environment of what is started from now on.
func (s *stage) set(name, value string) { s.env = append(s.env, name+"="+value) }

// lookup is what a started program would find.
func (s *stage) lookup(name string) (value string) {
	for _, e := range s.env { // the last one counts
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}

// until waits until look finds something.
func (s *stage) until(what string, look func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if look() {
			return
		}
		if time.Now().After(end) {
			if s.running != nil {
				s.keep(os.Getenv("PC2_EVIDENCE"), s.Name())
				s.Logf("log:\n%s", tail(s.running.log()))
			}
			s.Fatalf("waited %v: %s", patience, what)
		}
	}
}

func tail(log string) string { return log[max(0, len(log)-6000):] }

// opens says what the browser was asked for so far.
func (s *stage) opens() []string {
	b, err := os.ReadFile(s.opened)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.Fatal(err)
	}
	return strings.Fields(string(b))
}

// picture keeps what is on the screen, when that is wanted.
func (s *stage) picture(name string) { s.keep(os.Getenv("PC2_PICTURES"), name) }

func (s *stage) keep(dir, name string) {
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.Log("no picture:", err)
		return
	}
	if out, err := exec.Command("import", "-window", "root", filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".png")).CombinedOutput(); err != nil {
		s.Logf("no picture: %v %s", err, out)
	}
}

// program is the desktop program, running.
type program struct {
	*stage
	cmd   *exec.Cmd
	file  string // of its log
	ready string
	data  string
	ended chan struct{}
	bus   *dbus.Conn
}

type ready struct {
	URL        string  `json:"url"`
	GatewayURL *string `json:"gateway_url"`
	ClaimCode  *string `json:"claim_code"`
	PID        int     `json:"pid"`
}

func (s *stage) command(args ...string) *exec.Cmd {
	args = append([]string{"--data", filepath.Join(s.dir, "data"), "--listen", "127.0.0.1:0", "--profile", s.profile, "--name", "alice"}, args...)
	args = append([]string{os.Getenv("PC2_APP")}, args...)
	if s.in != nil {
		args = s.in.Inside(args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = s.env
	return cmd
}

// begin starts the program and waits for nothing.
func (s *stage) begin(args ...string) *program {
	s.Helper()
	p := &program{stage: s, file: filepath.Join(s.dir, "log"), ready: filepath.Join(s.dir, "ready.json"), data: filepath.Join(s.dir, "data"), ended: make(chan struct{})}
	for _, f := range []string{p.ready, s.opened} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.Fatal(err)
		}
	}
	out, err := os.Create(p.file)
	if err != nil {
		s.Fatal(err)
	}
	defer out.Close()
	p.cmd = s.command(append(args, "--ready-file", p.ready)...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its state is looked at
		close(p.ended)
	}()
	s.running = p
	s.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended, if all went well
		<-p.ended
		if p.bus != nil {
			p.bus.Close()
		}
		if s.Failed() {
			s.Logf("log:\n%s", tail(p.log()))
		}
	})
	return p
}

// start waits until the program is ready.
func (s *stage) start(args ...string) *program {
	s.Helper()
	p := s.begin(args...)
	s.until("the ready file", func() bool { return p.isReady() || p.gone() })
	if p.gone() {
		s.Fatalf("it ended with %v\n%s", p.cmd.ProcessState, tail(p.log()))
	}
	return p
}

func (p *program) isReady() bool { _, err := os.Stat(p.ready); return err == nil }

func (p *program) tells() (r ready) {
	p.Helper()
	b, err := os.ReadFile(p.ready)
	if err != nil {
		p.Fatal(err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		p.Fatal(err)
	}
	return r
}

func (p *program) log() string {
	b, err := os.ReadFile(p.file)
	if err != nil {
		p.Fatal(err)
	}
	return string(b)
}

// logs waits until the log has a text more than n times, and counts it.
func (p *program) logs(text string, n int) int {
	p.Helper()
	count := 0
	p.until("log: "+text, func() bool { count = strings.Count(p.log(), text); return count > n })
	return count
}

// count is how often the log has a text now.
func (p *program) count(text string) int { return strings.Count(p.log(), text) }

func (p *program) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *program) signal(sig os.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.Fatal(err)
	}
}

// children are the processes below the program, by name.
func (p *program) children(name string) (pids []int) {
	out, _ := exec.Command("pgrep", "-P", strconv.Itoa(p.cmd.Process.Pid), name).Output() // 1: none
	for f := range strings.FieldsSeq(string(out)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			p.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// leaves waits for the end, which must be clean: exit 0, no process, no file
// that says it runs, a free port, a free lock.
func (p *program) leaves() {
	p.Helper()
	p.until("the program ends", p.gone)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.Fatalf("exit %d\n%s", code, tail(p.log()))
	}
	if !strings.Contains(p.log(), "msg=ended") || strings.Contains(p.log(), "panic") {
		p.Fatalf("no clean end:\n%s", tail(p.log()))
	}
	left, err := os.ReadDir(filepath.Join(p.data, "runtime"))
	if err != nil && !errors.Is(err, os.ErrNotExist) || len(left) != 0 {
		p.Fatal("something in runtime is left:", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(p.data, "*-wal")); err != nil || len(left) != 0 {
		p.Fatal("the database was not closed:", left, err)
	}
	p.until("no process is left", func() bool { return len(p.remains()) == 0 })
	p.until("the lock is free", func() bool {
		f, err := os.Open(filepath.Join(p.data, "desktop.lock"))
		if err != nil {
			p.Fatal(err)
		}
		defer f.Close()
		return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	})
	if p.in != nil {
		p.nothingIn()
		return
	}
	if !p.isReady() {
		return
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(p.tells().URL, "http://"))
	if err == nil {
		c.Close()
		p.Fatal("somebody still listens")
	}
}

// remains are processes that were started with this story's environment.
func (s *stage) remains() (pids []string) {
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		s.Fatal(err)
	}
	mark := []byte("XDG_CONFIG_HOME=" + filepath.Join(s.dir, "config"))
	for _, f := range all {
		b, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(b, mark) {
			continue // ended, or another user's
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(f), "stat"))
		if err == nil && !bytes.Contains(stat, []byte(") Z ")) {
			pids = append(pids, filepath.Base(filepath.Dir(f))+" "+string(bytes.Fields(stat)[1]))
		}
	}
	return pids
}

// windows counts the program's windows on the screen.
func (s *stage) windows() int {
	out, _ := exec.Command("xdotool", "search", "--onlyvisible", "--name", "^PC2$").Output() // 1: none
	return len(strings.Fields(string(out)))
}

// do runs xdotool.
func (s *stage) do(args ...string) {
	s.Helper()
	if out, err := exec.Command("xdotool", args...).CombinedOutput(); err != nil {
		s.Fatalf("xdotool %v: %v %s", args, err, out)
	}
}

// shown waits until the window is on the screen, or is not.
func (p *program) shown(want int) {
	p.Helper()
	p.until(fmt.Sprintf("%d windows", want), func() bool { return p.windows() == want })
}

// focus gives the window the keyboard.
func (p *program) focus() {
	p.Helper()
	p.until("the window has the keyboard", func() bool { // it may go between the search and the rest, which then waits for ever
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		return exec.CommandContext(ctx, "xdotool", "search", "--onlyvisible", "--name", "^PC2$", "windowactivate", "--sync").Run() == nil
	})
}

// closeWindow closes the window as a person does.
func (p *program) closeWindow() {
	p.Helper()
	p.focus()
	p.do("key", "alt+F4")
}

// nothingIn checks that the lab's computer has no process and no socket any more.
func (p *program) nothingIn() {
	p.Helper()
	if left := p.in.Processes(); len(left) != 0 {
		p.Fatal("processes are left: ", left)
	}
	if left := p.in.Do("", "ss", "-Hltun"); left != "" {
		p.Fatal("sockets are left: ", left)
	}
}
