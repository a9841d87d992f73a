package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"

	"pc2/backend/supernode"
)

// The test binary is also the program: a real process to kill.
func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var node Flags
	var super supernode.Flags
	for name, program := range map[string]struct {
		flags any
		serve func() error
	}{
		"PC2_TEST_SERVE": {&node, func() error { return Serve(ctx, node, fstest.MapFS{}, os.Stdout, os.Stderr) }},
		"PC2_TEST_SUPER": {&super, func() error { return supernode.Serve(ctx, super, "test", os.Stdout, os.Stderr) }},
	} {
		s := os.Getenv(name)
		if s == "" {
			continue
		}
		err := json.Unmarshal([]byte(s), program.flags)
		if err == nil {
			err = program.serve()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	stop()
	os.Exit(m.Run())
}

type process struct {
	cmd   *exec.Cmd
	url   string
	ready Ready
	out   *bytes.Buffer
	ended chan struct{}
}

// command is the program on dir, not started.
func command(t *testing.T, f Flags) *exec.Cmd {
	t.Helper()
	if f.Profile == "" {
		f.Profile = "local"
	}
	if f.Listen == "" {
		f.Listen = "127.0.0.1:0"
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PC2_TEST_SERVE="+string(b), "PC2_LOG_LEVEL=debug")
	return cmd
}

func startProcess(t *testing.T, dir string) *process { return startWith(t, Flags{Data: dir}) }

func startWith(t *testing.T, f Flags) *process {
	t.Helper()
	f.ReadyFile = filepath.Join(t.TempDir(), "ready.json")
	p := start(t, command(t, f), f.ReadyFile)
	p.url = p.ready.URL
	return p
}

// startSuper starts a super node as a process, and returns the profile that leads
// to it.
func startSuper(t *testing.T) (p *process, profile string) {
	t.Helper()
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready.json")
	b, err := json.Marshal(supernode.Flags{
		Data: filepath.Join(dir, "super"), Domain: "localhost", Scheme: "http", PublicHost: "127.0.0.1", HTTP: "127.0.0.1:0", HTTPS: "off", Proxy: "127.0.0.1:0", DHT: "off", Ports: "20000-30000", ReadyFile: ready,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PC2_TEST_SUPER="+string(b))
	p = start(t, cmd, ready)
	var at supernode.Ready
	if b, err = os.ReadFile(ready); err == nil {
		err = json.Unmarshal(b, &at)
	}
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(at.ProxyAddr)
	if err != nil {
		t.Fatal(err)
	}
	profile = filepath.Join(dir, "profile.json")
	if err := os.WriteFile(profile, fmt.Appendf(nil, `{"domain":"localhost","scheme":"http","super_nodes":[{"id":%q,"host":%q,"proxy_port":%s,"gateway":%q}]}`, at.NodeID, host, port, at.GatewayURL), 0o600); err != nil {
		t.Fatal(err)
	}
	return p, profile
}

// start runs a program until the test ends, and waits for its ready file.
func start(t *testing.T, cmd *exec.Cmd, ready string) *process {
	t.Helper()
	p := &process{cmd: cmd, out: &bytes.Buffer{}}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	p.ended = make(chan struct{})
	go func() {
		exited <- p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-exited
	})
	deadline := time.After(time.Minute)
	for {
		b, err := os.ReadFile(ready)
		if err == nil && json.Unmarshal(b, &p.ready) == nil {
			return p
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("ended before it was ready: %v\n%s", err, p.out)
		case <-deadline:
			t.Fatal("not ready after a minute")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.gone(t)
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.gone(t)
}

// gone waits until the process has ended, which frees its lock and its port.
func (p *process) gone(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("still running")
	}
}

func keccak(b []byte) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write(b)
	return h.Sum(nil)
}

// claim makes a new wallet the owner and returns its session's token.
func (p *process) claim(t *testing.T) string {
	t.Helper()
	if p.ready.ClaimCode == nil {
		t.Fatal("no claim code in the ready file")
	}
	return claimOwner(t, p.url, *p.ready.ClaimCode)
}

func claimOwner(t *testing.T, url, code string) string {
	t.Helper()
	w := newWallet(t)
	var ch struct{ Message string }
	post(t, url+"/auth/challenge", map[string]any{"address": w.address}, &ch)
	var l struct{ Token string }
	post(t, url+"/auth/particle", w.signIn(ch.Message, code), &l)
	return l.Token
}

// testWallet signs in as people's wallets do.
type testWallet struct {
	key     *secp256k1.PrivateKey
	address string
}

func newWallet(t *testing.T) testWallet {
	t.Helper()
	k, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return testWallet{k, "0x" + hex.EncodeToString(keccak(k.PubKey().SerializeUncompressed()[1:])[12:])}
}

// signIn is the body of a sign-in with a challenge; a claim code may be "".
func (w testWallet) signIn(message, code string) map[string]any {
	sig := ecdsa.SignCompact(w.key, keccak([]byte(fmt.Sprintf("\x19Ethereum Signed Message:\n%d%s", len(message), message))), false)
	return map[string]any{"address": w.address, "message": message, "signature": "0x" + hex.EncodeToString(append(sig[1:], sig[0])), "claim_code": code}
}

func post(t *testing.T, url string, body, into any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(url, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %d %s %v", url, res.StatusCode, raw, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func TestStartStopStatus(t *testing.T) {
	dir := t.TempDir()
	if _, err := AskStatus(t.Context(), dir); err != ErrNotRunning {
		t.Fatal(err)
	}
	p := startProcess(t, dir)
	if p.ready.ClaimCode == nil || p.ready.GatewayURL != nil || p.ready.Name != nil || p.ready.PID != p.cmd.Process.Pid {
		t.Fatalf("%+v", p.ready)
	}
	s, err := AskStatus(t.Context(), dir)
	if err != nil || !s.Running || s.URL != p.url || s.NodeID != p.ready.NodeID || s.Path != "offline" || s.Owner {
		t.Fatalf("%+v %v", s, err)
	}
	if b, err := command(t, Flags{Data: dir}).CombinedOutput(); err == nil || !strings.Contains(string(b), "another PC2 is running") {
		t.Fatalf("a second node on the directory: %v %s", err, b)
	}
	code := *p.ready.ClaimCode
	p.claim(t)
	ready := filepath.Dir(p.readyFile(t))
	deadline := time.Now().Add(10 * time.Second)
	for grep(t, ready, code) {
		if time.Now().After(deadline) {
			t.Fatal("the ready file still holds the claim code")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if s, err := AskStatus(t.Context(), dir); err != nil || !s.Owner {
		t.Fatalf("%+v %v", s, err)
	}
	p.stop(t)
	if s, err := AskStatus(t.Context(), dir); err != ErrNotRunning || s.Running {
		t.Fatalf("%+v %v", s, err)
	}
	if grep(t, dir, code) {
		t.Fatal("the claim code lies in the data directory")
	}
	id := p.ready.NodeID
	p = startProcess(t, dir)
	if p.ready.NodeID != id || p.ready.ClaimCode != nil {
		t.Fatalf("%+v", p.ready)
	}
	p.kill(t)
	if _, err := AskStatus(t.Context(), dir); err != ErrNotRunning {
		t.Fatal("a killed node answers:", err)
	}
}

func (p *process) readyFile(t *testing.T) string {
	t.Helper()
	var f Flags
	for _, e := range p.cmd.Env {
		if s, ok := strings.CutPrefix(e, "PC2_TEST_SERVE="); ok {
			if err := json.Unmarshal([]byte(s), &f); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f.ReadyFile
}

func grep(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		found = found || bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return found
}

func TestConfigProblemsAreListedAndRefuse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"server":{"port":0},"limits":{"x":1},"odd":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := command(t, Flags{Data: dir}).CombinedOutput()
	if err == nil || !strings.Contains(string(b), "server.port") || !strings.Contains(string(b), "limits.x") || !strings.Contains(string(b), "unknown key odd") {
		t.Fatalf("%v %s", err, b)
	}
	if _, err := os.Stat(filepath.Join(dir, "format.json")); err == nil {
		t.Fatal("the refused start made a store")
	}
}

func TestTakenPort(t *testing.T) {
	p := startProcess(t, t.TempDir())
	b, err := command(t, Flags{Data: t.TempDir(), Listen: strings.TrimPrefix(p.url, "http://")}).CombinedOutput()
	if err == nil || !strings.Contains(string(b), "cannot listen") {
		t.Fatalf("%v %s", err, b)
	}
}

func TestTheNextFreePort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().(*net.TCPAddr)
	if ln, err := listen(addr.String(), 0); err == nil {
		ln.Close()
		t.Fatal("a taken port, taken again")
	}
	ln, err := listen(addr.String(), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if got := ln.Addr().(*net.TCPAddr).Port; got <= addr.Port || got > addr.Port+100 {
		t.Fatal(got, addr.Port)
	}
}

func TestProfiles(t *testing.T) {
	for _, s := range []string{`{`, `{}`, `{"domain":"x","scheme":"ftp"}`, `{"domain":"x","super_nodes":[{"id":"!"}]}`, `{"domain":"x","odd":1}`, `{"domain":"x"} x`, `{"domain":"a/b"}`} {
		if _, err := parseProfile([]byte(s)); err == nil {
			t.Errorf("%s was taken", s)
		}
	}
	p, err := parseProfile([]byte(`{"domain":"home.example","super_nodes":[{"id":"J1h7RHv5iHhT43zsXxMCg7zGmZq6g4Ec2VJeCkSGry2E","host":"sn.example"}]}`))
	if err != nil || p.Name != "custom" || p.SuperNodes[0].ProxyPeerID != p.SuperNodes[0].ID || p.SuperNodes[0].ProxyPort != 8090 {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := LoadProfile("nowhere"); err == nil {
		t.Error("a profile that is not there")
	}
	for name := range profiles() {
		if _, err := LoadProfile(name); err != nil {
			t.Error(name, err)
		}
	}
}

func FuzzProfile(f *testing.F) {
	f.Add([]byte(`{"domain":"x","super_nodes":[{"id":"a"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) { parseProfile(b) })
}

func TestAutoLimit(t *testing.T) {
	const gb = 1 << 30
	for _, c := range []struct{ free, used, reserve, want int64 }{
		{100 * gb, 0, 10 * gb, 72 * gb}, {5 * gb, 0, 10 * gb, 1 * gb}, {9000 * gb, 0, 10 * gb, 500 * gb}, {0, 50 * gb, 10 * gb, 32 * gb},
	} {
		if got := autoLimit(c.free, c.used, c.reserve); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
