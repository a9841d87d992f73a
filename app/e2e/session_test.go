//go:build linux

package e2e

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
)

// service is a part of a session that belongs to one story.
type service struct {
	cmd   *exec.Cmd
	ended bool
}

// end ends it as the end of a session does.
func (v *service) end() {
	if v.ended {
		return
	}
	v.ended = true
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait() // killed
}

// serve starts one and reads the line by which it says that it is there.
func (s *stage) serve(cmd *exec.Cmd, out io.ReadCloser, err error) (*service, string) {
	s.Helper()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.Fatal(err)
	}
	v := &service{cmd: cmd}
	s.Cleanup(v.end)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.Fatalf("%v: %v", cmd.Args, err)
	}
	return v, strings.TrimSpace(line)
}

// bus is a session bus of the story's own, with nothing on it that shows a tray.
func (s *stage) bus(how string) *service {
	s.Helper()
	cmd := exec.Command("dbus-daemon", how, "--nofork", "--print-address=1")
	out, err := cmd.StdoutPipe()
	v, address := s.serve(cmd, out, err)
	s.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	s.set("DBUS_SESSION_BUS_ADDRESS", address)
	return v
}

// display is a screen of the story's own, with nothing on it.
func (s *stage) display() *service {
	s.Helper()
	cmd := exec.Command("Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	v, number := s.serve(cmd, out, err)
	s.set("DISPLAY", ":"+number)
	return v
}
