package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pc2/backend/supernode"
)

// away is a browser that reaches the node only through gateway and relay: it
// resolves *.localhost by itself, as browsers do.
func away(t *testing.T, gateway string) *http.Client {
	t.Helper()
	u, err := url.Parse(gateway)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+u.Port())
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

func TestAway(t *testing.T) {
	dir := t.TempDir()
	p := startWith(t, Flags{Data: dir, Name: "alice"})
	if p.ready.GatewayURL == nil || p.ready.Name == nil || *p.ready.Name != "alice" || !strings.HasPrefix(*p.ready.GatewayURL, "http://alice.localhost:") {
		t.Fatalf("%+v\n%s", p.ready, tail(p.out.String()))
	}
	s, err := AskStatus(t.Context(), dir)
	if err != nil || s.Path != "relay" || s.PublicURL == nil || *s.PublicURL != *p.ready.GatewayURL {
		t.Fatalf("%+v %v", s, err)
	}
	token := p.claim(t)
	address := *p.ready.GatewayURL
	c := away(t, address)
	do := func(method, path string, body io.Reader, header ...string) (int, []byte, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, address+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		return res.StatusCode, b, res.Header
	}
	for _, n := range []int{0, 1000, 100_000, 20 << 20} {
		want := make([]byte, n)
		(&counter{}).Read(want)
		path := fmt.Sprintf("?path=~/away-%d", n)
		if code, b, _ := do("PUT", "/write"+path, bytes.NewReader(want)); code != 200 {
			t.Fatalf("%d bytes up: %d %s", n, code, b)
		}
		if code, b, _ := do("GET", "/read"+path, nil); code != 200 || !bytes.Equal(b, want) {
			t.Fatalf("%d bytes down: %d, %d bytes", n, code, len(b))
		}
	}
	if code, b, _ := do("GET", "/read?path=~/away-100000", nil, "Range", "bytes=70000-70009"); code != 206 || len(b) != 10 {
		t.Fatal("range", code, len(b))
	}

	// What is for this PC alone is closed to what came through the gateway, whatever it says.
	if code, _, _ := do("GET", "/api/setup/mnemonic", nil, "X-PC2-Claim", *p.ready.ClaimCode, "X-Forwarded-For", "127.0.0.1"); code != 403 {
		t.Fatalf("the phrase route answers %d from away", code)
	}
	if code, _, _ := do("GET", "/api/control/status", nil); code != 403 {
		t.Fatalf("the control route answers %d from away", code)
	}
	// The challenge is for the name that the visitor sees.
	code, b, _ := do("POST", "/auth/challenge", strings.NewReader(`{"address":"0x1111111111111111111111111111111111111111"}`), "Content-Type", "application/json")
	if code != 200 || !bytes.Contains(b, []byte(strings.TrimPrefix(address, "http://")+" wants you to sign in")) {
		t.Fatal(code, string(b))
	}
	// The node finds that out by itself, by the way of a visitor.
	if code, b, _ := do("POST", "/api/boson/reconnect", strings.NewReader("{}"), "Content-Type", "application/json"); code != 200 || !bytes.Contains(b, []byte(`"reached":true`)) {
		t.Fatal(code, string(b))
	}
	u, _ := url.Parse(address)
	if code, b, _ := do("GET", "/api/boson/status", nil); code != 200 || !bytes.Contains(b, []byte(`"domain":"localhost:`+u.Port()+`"`)) || !bytes.Contains(b, []byte(`"inUse":true`)) {
		t.Fatal(code, string(b))
	}
	if code, b, _ := do("GET", "/api/boson/lookup/alice", nil); code != 200 || !bytes.Contains(b, []byte(`"endpoint":"`+address+`"`)) || !bytes.Contains(b, []byte(`"online":true`)) {
		t.Fatal(code, string(b))
	}
	if code, b, _ := do("GET", "/api/boson/lookup/nobody-here", nil); code != 404 {
		t.Fatal(code, string(b))
	}
	for host, want := range map[string]int{"bob.localhost:" + u.Port(): 404, "127.0.0.1:" + u.Port(): 200} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+host+"/api/health", nil)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", host, res.StatusCode, want)
		}
	}

	// A restart keeps the name and the port, without being told the name.
	p.kill(t)
	p = startProcess(t, dir)
	if p.ready.GatewayURL == nil || *p.ready.GatewayURL != address {
		t.Fatalf("%+v\n%s", p.ready, tail(p.out.String()))
	}
	if code, _, _ := do("GET", "/stat?path=~/away-1000", nil); code != 200 {
		t.Fatal("after the restart:", code)
	}
	p.stop(t)
}

// A name that cannot be had never stops the node.
func TestNameThatCannotBeHad(t *testing.T) {
	for _, name := range []string{"admin", "x", "a_b"} {
		p := startWith(t, Flags{Data: t.TempDir(), Name: name})
		if p.ready.Name != nil || p.ready.GatewayURL != nil {
			t.Errorf("%s: %+v", name, p.ready)
		}
		p.stop(t)
	}
}

// The super node goes and comes back: the node is reachable again within seconds,
// a download that was cut goes on by range, an upload that was cut left nothing.
func TestSuperNodeRestarts(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	var super *supernode.SuperNode
	var ended chan error
	begin := func() context.CancelFunc {
		t.Helper()
		var err error
		super, err = supernode.New(t.Context(), supernode.Config{Dir: home, Domain: "localhost", Scheme: "http", PublicHost: "127.0.0.1", HTTP: "127.0.0.1:0", Proxy: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended = make(chan error, 1)
		go func() { ended <- super.Run(ctx) }()
		return cancel
	}
	end := func(cancel context.CancelFunc) {
		t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the super node does not stop")
		}
	}
	cancel := begin()
	at := super.Ready()
	host, port, err := net.SplitHostPort(at.ProxyAddr)
	if err != nil {
		t.Fatal(err)
	}
	profile := filepath.Join(t.TempDir(), "profile.json")
	if err := os.WriteFile(profile, fmt.Appendf(nil, `{"domain":"localhost","scheme":"http","super_nodes":[{"id":%q,"host":%q,"proxy_port":%s,"gateway":%q}]}`, at.NodeID, host, port, at.GatewayURL), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startWith(t, Flags{Data: dir, Name: "carol", Profile: profile})
	token := p.claim(t)
	address := "http://carol.localhost:" + at.HTTPAddr[strings.LastIndex(at.HTTPAddr, ":")+1:]
	c := away(t, address)
	ask := func(method, path string, body io.Reader, header ...string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, address+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		return c.Do(req)
	}
	reachable := func() time.Duration {
		t.Helper()
		began := time.Now()
		for time.Since(began) < 30*time.Second {
			if res, err := ask("GET", "/health", nil); err == nil {
				res.Body.Close()
				if res.StatusCode == 200 {
					return time.Since(began)
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("not reachable\n%s", tail(p.out.String()))
		return 0
	}
	reachable()
	const size = 64 << 20
	want := make([]byte, size)
	(&counter{}).Read(want)
	if code, b := (browser{t, p.url, token}).write("big", bytes.NewReader(want)); code != 200 {
		t.Fatal(code, string(b))
	}
	down, err := ask("GET", "/read?path=~/big", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1<<20)
	if _, err := io.ReadFull(down.Body, got); err != nil {
		t.Fatal(err)
	}
	feed, pipe := io.Pipe()
	up := make(chan error, 1)
	go func() {
		res, err := ask("PUT", "/write?path=~/half", feed)
		if err == nil {
			res.Body.Close()
			err = fmt.Errorf("status %d", res.StatusCode)
		}
		up <- err
	}()
	pipe.Write(want[:3<<20])
	end(cancel)
	rest, err := io.ReadAll(down.Body)
	down.Body.Close()
	if err == nil || len(rest)+len(got) >= size {
		t.Fatalf("the download was not cut, or looks whole: %d bytes, %v", len(rest)+len(got), err)
	}
	got = append(got, rest...)
	pipe.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-up; err == nil {
		t.Fatal("an upload that was cut was answered")
	}
	cancel = begin()
	defer func() { end(cancel) }()
	t.Logf("reachable again after %v", reachable())
	res, err := ask("GET", "/read?path=~/big", nil, "Range", fmt.Sprintf("bytes=%d-", len(got)), "If-Range", down.Header.Get("ETag"))
	if err != nil || res.StatusCode != 206 {
		t.Fatal(res, err)
	}
	rest, err = io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(got, rest...), want) {
		t.Fatal("the download is not what is stored")
	}
	if code, _ := (browser{t, p.url, token}).do("GET", "/stat?path=~/half", nil); code != 404 {
		t.Fatal("half an upload is there:", code)
	}
	eventually(t, "nothing of it is on the disk", func() bool {
		whole, incoming := (&chain{t: t, dir: dir}).stored()
		return whole == 1 && incoming == 0
	})
}
