//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// network is a set of namespaces that belong to one test.
type network struct {
	t      *testing.T
	prefix string
	dir    string
}

// space is a network namespace: one computer.
type space struct {
	net  *network
	name string // of the namespace
}

// networks numbers them; the namespaces' names carry the process ID besides.
var networks atomic.Int32

const prefix = "pc2lab-"

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, prefix: fmt.Sprintf("%s%d-%d-", prefix, os.Getpid(), networks.Add(1)), dir: t.TempDir()}
	return n
}

// space makes a computer that has nothing but itself.
func (n *network) space(name string) *space {
	n.t.Helper()
	s := &space{net: n, name: n.prefix + name}
	n.ip("netns", "add", s.name)
	n.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", s.name).CombinedOutput(); err != nil {
			n.t.Errorf("namespace left behind: %v: %s", err, out)
		}
	})
	s.ip("link", "set", "lo", "up")
	return s
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (s *space) ip(args ...string) {
	s.net.t.Helper()
	s.net.ip(append([]string{"-n", s.name}, args...)...)
}

// do runs a command inside and returns what it wrote.
func (s *space) do(stdin string, args ...string) string {
	s.net.t.Helper()
	cmd := exec.Command("ip", append([]string{"netns", "exec", s.name}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.net.t.Fatalf("%s: %v: %s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// wire connects two computers by a cable; on a bridge when a name is a port of one.
func (n *network) wire(a *space, devA, addrA string, b *space, devB, addrB string) {
	n.t.Helper()
	n.ip("link", "add", devA, "netns", a.name, "type", "veth", "peer", "name", devB, "netns", b.name)
	for _, end := range []struct {
		s         *space
		dev, addr string
	}{{a, devA, addrA}, {b, devB, addrB}} {
		if end.addr != "" {
			end.s.ip("addr", "add", end.addr, "dev", end.dev)
		}
		end.s.ip("link", "set", end.dev, "up")
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
