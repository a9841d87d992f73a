//go:build linux

package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing/fstest"
	"time"

	"pc2/backend/node"
)

const big = 1 << 20 // bytes of /big.bin

// pc2d is the node, with a page that has a large file.
func pc2d(ctx context.Context, args []string) error {
	ui := fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html><title>PC2</title>")},
		"big.bin":    {Data: make([]byte, big)},
	}
	return node.Serve(ctx, node.Flags{Data: args[0], Profile: args[1], Listen: "127.0.0.1:0", Name: "alice", ReadyFile: args[2]}, ui, os.Stdout, os.Stderr)
}

// watch tells each change of how the node is reached, as `pc2d status` says it.
func watch(ctx context.Context, args []string) error {
	var last string
	for ; ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
		s, err := node.AskStatus(ctx, args[0])
		if errors.Is(err, node.ErrNotRunning) {
			continue
		}
		if err != nil {
			return err
		}
		if now := s.Path + s.Sentence + s.Hint; now != last {
			last = now
			tell(report{Event: "path", Path: s.Path, Sentence: s.Sentence, Hint: s.Hint})
		}
	}
	return nil
}

// startNode starts pc2d on a PC, and a watch beside it.
func (n *Internet) startNode(pc *Space) (pc2d, watch *Program) {
	n.t.Helper()
	pc2d = pc.role("pc2d", n.data, n.Profile, filepath.Join(n.dir, "node.ready"))
	var ready node.Ready
	n.readyFile(filepath.Join(n.dir, "node.ready"), &ready)
	return pc2d, pc.role("watch", n.data)
}

// path waits until the node says that it is reached that way.
func (p *Program) path(path string) report {
	p.t.Helper()
	for {
		if e := p.event("path"); e.Path == path {
			return e
		}
	}
}

// download fetches the large file as a visitor does.
func (n *Internet) download() {
	n.t.Helper()
	p := n.inet.role("browse", "-once", "-path", "/big.bin")
	defer p.Kill()
	if e := p.event("bright"); e.Bytes != big {
		n.t.Errorf("downloaded %d bytes", e.Bytes)
	}
}

// throughMapping is how much of what f moves goes through mapped ports of the router.
func (n *Internet) throughMapping(f func()) int64 {
	n.t.Helper()
	before := n.Router.mappedBytes()
	f()
	return n.Router.mappedBytes() - before
}

// mappedAgain waits until visitors' bytes go through the router's port: the gateway
// may have a connection through the relay that it uses for a while.
func (n *Internet) mappedAgain() {
	n.t.Helper()
	eventually(n.t, "visitors' bytes go through the router's port", func() bool {
		if n.throughMapping(n.download) >= big {
			return true
		}
		time.Sleep(time.Second)
		return false
	})
}

// browsing opens the address all the time.
type browsing struct {
	*Program
}

func (n *Internet) browse() browsing {
	n.t.Helper()
	b := browsing{n.inet.role("browse")}
	b.event("bright")
	return b
}

// dark is the longest time without an answer.
func (b browsing) dark() time.Duration {
	b.t.Helper()
	b.cmd.Process.Signal(os.Interrupt)
	e := b.event("browsed")
	dark := time.Duration(e.Millis) * time.Millisecond
	b.t.Logf("dark for %s at most", dark)
	return dark
}
