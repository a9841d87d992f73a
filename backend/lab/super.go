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
	"time"

	"pc2/backend/supernode"
)

const (
	domain = "lab.test"
	host   = "alice." + domain
)

// pc2super is the super node.
func pc2super(ctx context.Context, args []string) error {
	return supernode.Serve(ctx, supernode.Flags{
		Data: args[0], Domain: domain, Scheme: "http", PublicHost: inetAddr, HTTP: inetAddr + ":80", HTTPS: "off",
		Proxy: inetAddr + ":8090", DHT: "off", Ports: "25000-25100", ReadyFile: args[1],
	}, "lab", os.Stdout, os.Stderr)
}

// Internet is a super node, and what a node has to know of it.
type Internet struct {
	*Home
	Super   *Program
	Profile string // file
	data    string // of the node
}

// WithSuper starts a super node in the internet of a home.
func (h *Home) WithSuper() *Internet {
	h.t.Helper()
	n := &Internet{Home: h, Profile: filepath.Join(h.dir, "profile.json"), data: filepath.Join(h.dir, "pc2")}
	ready := n.StartSuper()
	profile := map[string]any{
		"name": "lab", "domain": domain, "scheme": "http", "gateway_port": 80,
		"super_nodes": []map[string]any{{"id": ready.NodeID, "proxy_peer_id": ready.ProxyPeerID, "host": inetAddr, "proxy_port": 8090, "gateway": "http://" + inetAddr}},
	}
	b, err := json.Marshal(profile)
	if err == nil {
		err = os.WriteFile(n.Profile, b, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// StartSuper starts it again, with what it knew.
func (n *Internet) StartSuper() supernode.Ready {
	n.t.Helper()
	var ready supernode.Ready
	n.Super = n.inet.role("pc2super", filepath.Join(n.dir, "super"), filepath.Join(n.dir, "super.ready"))
	n.readyFile(filepath.Join(n.dir, "super.ready"), &ready)
	return ready
}

// readyFile waits for what a program writes when everything answers, and takes it away.
func (n *Internet) readyFile(file string, ready any) {
	n.t.Helper()
	eventually(n.t, filepath.Base(file), func() bool {
		b, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(b, ready) == nil
	})
	if err := os.Remove(file); err != nil {
		n.t.Fatal(err)
	}
}

// Visit opens a page of the node as a visitor does. It returns the page's size and
// how much went through mapped ports of the router meanwhile.
func (n *Internet) Visit(path string) (size, mapped int64, err error) {
	n.t.Helper()
	before := n.Router.mappedBytes()
	p := n.inet.role("browse", "-once", "-path", path)
	defer p.Kill()
	line := p.expect(`{"event":`)
	var e report
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		n.t.Fatalf("%s: %v", line, err)
	}
	if e.Error != "" {
		return 0, 0, errors.New(e.Error)
	}
	return e.Bytes, n.Router.mappedBytes() - before, nil
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
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
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
