//go:build linux

package lab

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Network is a set of namespaces that belong to one test.
type Network struct {
	t      testing.TB
	prefix string
	dir    string
}

// Space is a network namespace: one computer.
type Space struct {
	net  *Network
	name string // of the namespace
}

const prefix = "pc2lab-"

// NewNetwork belongs to the test, and goes with it.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	return &Network{t: t, prefix: fmt.Sprintf("%s%d-%s-", prefix, os.Getpid(), rand.Text()[:8]), dir: t.TempDir()}
}

// space makes a computer that has nothing but itself.
func (n *Network) space(name string) *Space {
	n.t.Helper()
	s := &Space{net: n, name: n.prefix + name}
	n.ip("netns", "add", s.name)
	n.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", s.name).CombinedOutput(); err != nil {
			n.t.Errorf("namespace left behind: %v: %s", err, out)
		}
	})
	s.IP("link", "set", "lo", "up")
	return s
}

func (n *Network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// IP configures the computer's network.
func (s *Space) IP(args ...string) {
	s.net.t.Helper()
	s.net.ip(append([]string{"-n", s.name}, args...)...)
}

// Do runs a command inside and returns what it wrote.
func (s *Space) Do(stdin string, args ...string) string {
	s.net.t.Helper()
	in := s.Inside(args...)
	cmd := exec.Command(in[0], in[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.net.t.Fatalf("%s: %v: %s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// wire connects two computers by a cable; on a bridge when a name is a port of one.
func (n *Network) wire(a *Space, devA, addrA string, b *Space, devB, addrB string) {
	n.t.Helper()
	n.ip("link", "add", devA, "netns", a.name, "type", "veth", "peer", "name", devB, "netns", b.name)
	for _, end := range []struct {
		s         *Space
		dev, addr string
	}{{a, devA, addrA}, {b, devB, addrB}} {
		if end.addr != "" {
			end.s.IP("addr", "add", end.addr, "dev", end.dev)
		}
		end.s.IP("link", "set", end.dev, "up")
	}
}

// sweep deletes the namespaces of runs that were killed.
func sweep() error {
	names, err := os.ReadDir("/run/netns")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		rest, ours := strings.CutPrefix(n.Name(), prefix)
		if !ours {
			continue
		}
		id, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(id)
		if err != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		if out, err := exec.Command("ip", "netns", "del", n.Name()).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
}

// Processes are those that run inside.
func (s *Space) Processes() []string {
	s.net.t.Helper()
	out, err := exec.Command("ip", "netns", "pids", s.name).CombinedOutput()
	if err != nil {
		s.net.t.Fatalf("processes: %v: %s", err, out)
	}
	return strings.Fields(string(out))
}
