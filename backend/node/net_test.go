package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
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
	u, _ := url.Parse(address)
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
