package node

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startDirect starts a node of profile local that has a public listener, and
// waits until the super node has met it there.
func startDirect(t *testing.T, dir string) (p *process, port int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"server":{"public_listen":"127.0.0.1:0"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p = startWith(t, Flags{Data: dir, Name: "alice"})
	becomes(t, dir, "direct", p)
	return p, readPublic(paths{dir}.public())
}

func becomes(t *testing.T, dir, path string, p *process) {
	t.Helper()
	var s Status
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var err error
		if s, err = AskStatus(t.Context(), dir); err == nil && s.Path == path {
			return
		}
	}
	t.Fatalf("never %s: %+v\n%s", path, s, tail(p.out.String()))
}

func TestDirect(t *testing.T) {
	dir := t.TempDir()
	p, port := startDirect(t, dir)
	if s, err := AskStatus(t.Context(), dir); err != nil || s.Sentence != "Reachable directly." {
		t.Fatal(s, err)
	}
	token := p.claim(t)
	c := away(t, *p.ready.GatewayURL)
	get := func(path string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", *p.ready.GatewayURL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if code, b := get("/status"); code != 200 || !strings.Contains(b, `"via":"direct"`) {
		t.Fatal(code, b)
	}
	code, b := get("/api/boson/connectivity")
	var link struct {
		NATType, Path, LastHeartbeat string
		PublicPort                   int
	}
	if err := json.Unmarshal([]byte(b), &link); code != 200 || err != nil || link.NATType != "direct" || link.Path != "direct" || link.PublicPort != port || link.LastHeartbeat == "" {
		t.Fatal(code, b, err)
	}
	// What came that way is a gateway's visitor, and not this PC.
	if code, _ := get("/api/control/status"); code != 403 {
		t.Fatalf("the control route answers %d from away", code)
	}
	if code, b := get("/api/setup/status"); code != 200 || !strings.Contains(b, `"ingress":"gateway"`) {
		t.Fatal(code, b)
	}
	p.kill(t)
	p, again := startDirect(t, dir)
	if again != port {
		t.Fatalf("port %d became %d", port, again)
	}
	p.stop(t)
}

// The public listener says nothing to strangers, clear HTTP least of all.
func TestStrangerAtThePublicListener(t *testing.T) {
	p, port := startDirect(t, t.TempDir())
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for what, say := range map[string]func(net.Conn) error{
		"clear HTTP": func(c net.Conn) error {
			_, err := io.WriteString(c, "GET /health HTTP/1.1\r\nHost: "+strings.TrimPrefix(*p.ready.GatewayURL, "http://")+"\r\n\r\n")
			return err
		},
		"TLS": func(c net.Conn) error {
			return tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake()
		},
		"TLS with a name": func(c net.Conn) error {
			return tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "alice.localhost"}).Handshake()
		},
		"the gateway's protocol": func(c net.Conn) error {
			return tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"pc2-gw/1"}}).Handshake()
		},
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(30 * time.Second))
		n := 0
		err = say(c)
		if err == nil || !errors.Is(err, syscall.ECONNRESET) {
			n, err = c.Read(make([]byte, 1))
		}
		if n != 0 || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%s: %d bytes, %v", what, n, err)
		}
		c.Close()
	}
	p.stop(t)
}

// A public port that somebody took meanwhile is replaced, and the new one kept; a
// listener that cannot be had stops nothing.
func TestPublicPortIsTaken(t *testing.T) {
	dir := t.TempDir()
	p, port := startDirect(t, dir)
	p.stop(t)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, moved := startDirect(t, dir)
	if moved == port || moved == 0 {
		t.Fatal(moved)
	}
	p.stop(t)
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "config.json"), fmt.Appendf(nil, `{"server":{"public_listen":"127.0.0.1:%d"}}`, port), 0o600); err != nil {
		t.Fatal(err)
	}
	p = startWith(t, Flags{Data: other, Name: "alice"})
	becomes(t, other, "relay", p)
	p.stop(t)
}
