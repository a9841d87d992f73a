//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing/fstest"
	"time"

	"pc2/backend/node"
	"pc2/backend/supernode"
)

const (
	domain = "lab.test"
	host   = "alice." + domain
	big    = 1 << 20 // bytes of /big.bin
)

// pc2d is the node, with a page that has a large file.
func pc2d(ctx context.Context, args []string) error {
	ui := fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html><title>PC2</title>")},
		"big.bin":    {Data: make([]byte, big)},
	}
	return node.Serve(ctx, node.Flags{Data: args[0], Profile: args[1], Listen: "127.0.0.1:0", Name: "alice", ReadyFile: args[2]}, ui, os.Stdout, os.Stderr)
}

// pc2super is the super node.
func pc2super(ctx context.Context, args []string) error {
	return supernode.Serve(ctx, supernode.Flags{
		Data: args[0], Domain: domain, Scheme: "http", PublicHost: inetAddr, HTTP: inetAddr + ":80", HTTPS: "off",
		Proxy: inetAddr + ":8090", DHT: "off", Ports: "25000-25100", ReadyFile: args[1],
	}, "lab", os.Stdout, os.Stderr)
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

// browse opens the node's address again and again, and tells when it goes dark
// and bright, and the longest time without an answer at the end.
func browse(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("browse", flag.ContinueOnError)
	path := f.String("path", "/health", "")
	once := f.Bool("once", false, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var longest time.Duration
	bright := time.Now()
	for state := ""; ; pause(ctx, 50*time.Millisecond) {
		n, err := get(ctx, client, *path)
		if ctx.Err() != nil {
			break
		}
		now := "bright"
		if err != nil {
			now = "dark"
		} else {
			longest = max(longest, time.Since(bright))
			bright = time.Now()
		}
		if now != state || *once {
			tell(report{Event: now, Error: message(err), Bytes: n, Millis: longest.Milliseconds()})
		}
		if state = now; *once && err == nil {
			return nil
		}
	}
	tell(report{Event: "browsed", Millis: max(longest, time.Since(bright)).Milliseconds()})
	return nil
}

func get(ctx context.Context, client *http.Client, path string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+inetAddr+path, nil)
	if err != nil {
		return 0, err
	}
	req.Host = host
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", res.StatusCode)
	}
	return n, err
}

// internet is a super node, and what a node has to know of it.
type internet struct {
	*home
	super   *program
	profile string // file
	data    string // of the node
}

// withSuper starts a super node in the internet of a home.
func (h *home) withSuper() *internet {
	h.t.Helper()
	n := &internet{home: h, profile: filepath.Join(h.dir, "profile.json"), data: filepath.Join(h.dir, "pc2")}
	ready := n.startSuper()
	profile := map[string]any{
		"name": "lab", "domain": domain, "scheme": "http", "gateway_port": 80,
		"super_nodes": []map[string]any{{"id": ready.NodeID, "proxy_peer_id": ready.ProxyPeerID, "host": inetAddr, "proxy_port": 8090, "gateway": "http://" + inetAddr}},
	}
	b, err := json.Marshal(profile)
	if err == nil {
		err = os.WriteFile(n.profile, b, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (n *internet) startSuper() supernode.Ready {
	n.t.Helper()
	var ready supernode.Ready
	n.super = n.inet.role("pc2super", filepath.Join(n.dir, "super"), filepath.Join(n.dir, "super.ready"))
	n.readyFile(filepath.Join(n.dir, "super.ready"), &ready)
	return ready
}

// readyFile waits for what a program writes when everything answers, and takes it away.
func (n *internet) readyFile(file string, ready any) {
	n.t.Helper()
	eventually(n.t, filepath.Base(file), func() bool {
		b, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(b, ready) == nil
	})
	if err := os.Remove(file); err != nil {
		n.t.Fatal(err)
	}
}

// startNode starts pc2d on a PC, and a watch beside it.
func (n *internet) startNode(pc *space) (pc2d, watch *program) {
	n.t.Helper()
	pc2d = pc.role("pc2d", n.data, n.profile, filepath.Join(n.dir, "node.ready"))
	var ready node.Ready
	n.readyFile(filepath.Join(n.dir, "node.ready"), &ready)
	return pc2d, pc.role("watch", n.data)
}

// path waits until the node says that it is reached that way.
func (p *program) path(path string) report {
	p.t.Helper()
	for {
		if e := p.event("path"); e.Path == path {
			return e
		}
	}
}

// download fetches the large file as a visitor does.
func (n *internet) download() {
	n.t.Helper()
	p := n.inet.role("browse", "-once", "-path", "/big.bin")
	defer p.kill()
	if e := p.event("bright"); e.Bytes != big {
		n.t.Errorf("downloaded %d bytes", e.Bytes)
	}
}

// throughMapping is how much of what f moves goes through mapped ports of the router.
func (n *internet) throughMapping(f func()) int64 {
	n.t.Helper()
	before := n.router.mappedBytes()
	f()
	return n.router.mappedBytes() - before
}

// mappedAgain waits until visitors' bytes go through the router's port: the gateway
// may have a connection through the relay that it uses for a while.
func (n *internet) mappedAgain() {
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
	*program
}

func (n *internet) browse() browsing {
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
