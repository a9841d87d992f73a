package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"

	"pc2/backend/auth"
	"pc2/backend/boson"
	"pc2/backend/content"
	"pc2/backend/event"
	"pc2/backend/files"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

// home is a whole edge on real parts: SQLite, objects on disk, a socket.
type home struct {
	t     *testing.T
	url   string
	dir   string
	auth  *auth.Desk
	files *files.Tree
	db    *store.DB
	bus   *event.Bus
	api   *Server
	logs  *logBook
	stop  func() // as the node stops; once
}

type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type words string

func (w words) Reveal() string { return string(w) }

const testPhrase = "abandon abandon abandon art"

// start serves a fresh home; more changes the edge's configuration.
func start(t *testing.T, more ...func(*Config)) *home { return startIn(t, t.TempDir(), more...) }

func startIn(t *testing.T, dir string, more ...func(*Config)) *home {
	t.Helper()
	h := &home{t: t, dir: dir, bus: event.New(), logs: &logBook{}}
	log := slog.New(slog.NewTextHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	h.db, err = store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "pc2.db"), Log: log})
	check(err)
	objects, err := content.Open(content.Config{Dir: dir, DB: h.db, Log: log})
	check(err)
	check(objects.Recover(t.Context()))
	var seed [32]byte
	rand.Read(seed[:])
	node := boson.KeyFromSeed(seed).ID()
	h.auth, err = auth.New(t.Context(), auth.Config{DB: h.db, Node: node, AcceptHost: func(s string) bool { return h.api.AcceptHost(s) }, Bus: h.bus, Log: log})
	check(err)
	h.files = files.New(files.Config{DB: h.db, Content: objects, Keyring: content.NewKeyring(seed), Bus: h.bus, Log: log})
	cfg := Config{
		Version: "1.2.3", Node: node, NodeName: "PC2 Node", Started: time.Now(), Auth: h.auth, Files: h.files, Bus: h.bus,
		Phrase: func() (Secret, error) { return words(testPhrase), nil }, Healthy: h.db.Broken, Status: func() any { return map[string]any{"running": true} },
		ControlToken: "control-secret", Limits: map[string]int{"auth": 0, "mnemonic": 0}, Log: log,
	}
	for _, f := range more {
		f(&cfg)
	}
	h.api, err = New(cfg)
	check(err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	h.url = "http://" + ln.Addr().String()
	srv := &http.Server{Handler: h.api.Handler(), ReadHeaderTimeout: 10 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	for _, run := range []func(context.Context) error{objects.Run, h.auth.Run, h.api.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	h.stop = sync.OnceFunc(func() {
		cancel()
		end, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		if srv.Shutdown(end) != nil {
			srv.Close()
		}
		wg.Wait()
		h.db.Close()
	})
	t.Cleanup(h.stop)
	return h
}

// key is a wallet.
type key struct{ priv *secp256k1.PrivateKey }

func newKey(t *testing.T) key {
	t.Helper()
	p, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key{p}
}

func keccak(b ...[]byte) []byte {
	h := sha3.NewLegacyKeccak256()
	for _, x := range b {
		h.Write(x)
	}
	return h.Sum(nil)
}

func (k key) address() wallet.Address {
	a, err := wallet.Parse("0x" + hex.EncodeToString(keccak(k.priv.PubKey().SerializeUncompressed()[1:])[12:]))
	if err != nil {
		panic(err)
	}
	return a
}

func (k key) sign(message string) string {
	sig := ecdsa.SignCompact(k.priv, keccak([]byte(fmt.Sprintf("\x19Ethereum Signed Message:\n%d", len(message))), []byte(message)), false)
	return "0x" + hex.EncodeToString(append(sig[1:], sig[0]))
}

// visitor is a browser or a program: it keeps cookies, and may hold a bearer.
type visitor struct {
	h      *home
	key    key
	client *http.Client
	token  string // sent as bearer when set
	header http.Header
}

func (h *home) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	tr := &http.Transport{}
	h.t.Cleanup(tr.CloseIdleConnections)
	return &visitor{h: h, client: &http.Client{Jar: jar, Transport: tr, Timeout: time.Minute}, header: http.Header{}}
}

// page makes the visitor behave like the node's own page in a browser.
func (v *visitor) page() *visitor {
	v.header.Set("Origin", v.h.url)
	v.header.Set("Sec-Fetch-Site", "same-origin")
	return v
}

type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

func (v *visitor) do(method, path string, body io.Reader, more ...func(*http.Request)) answer {
	v.h.t.Helper()
	req, err := http.NewRequestWithContext(v.h.t.Context(), method, v.h.url+path, body)
	if err != nil {
		v.h.t.Fatal(err)
	}
	for k, vs := range v.header {
		req.Header[k] = vs
	}
	if v.token != "" {
		req.Header.Set("Authorization", "Bearer "+v.token)
	}
	for _, f := range more {
		f(req)
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{v.h.t, res.StatusCode, res.Header, b}
}

func with(k, value string) func(*http.Request) {
	return func(r *http.Request) {
		if k == "Host" {
			r.Host = value
			return
		}
		r.Header.Set(k, value)
	}
}

func (v *visitor) get(path string, more ...func(*http.Request)) answer {
	v.h.t.Helper()
	return v.do("GET", path, nil, more...)
}

func (v *visitor) post(path string, body any, more ...func(*http.Request)) answer {
	v.h.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		v.h.t.Fatal(err)
	}
	return v.do("POST", path, bytes.NewReader(b), append([]func(*http.Request){with("Content-Type", "application/json")}, more...)...)
}

// want fails unless the answer has the status and, if given, the code.
func (a answer) want(status int, code ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %.300s", a.status, status, a.body)
	}
	if len(code) > 0 {
		if got := a.object()["code"]; got != code[0] {
			a.t.Fatalf("code %v, want %s: %.300s", got, code[0], a.body)
		}
	}
	return a
}

func (a answer) object() map[string]any {
	a.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		a.t.Fatalf("%v in %.200s", err, a.body)
	}
	return m
}

func (a answer) list() []map[string]any {
	a.t.Helper()
	var m []map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		a.t.Fatalf("%v in %.200s", err, a.body)
	}
	return m
}

func (a answer) text(name string) string {
	a.t.Helper()
	s, _ := a.object()[name].(string)
	return s
}

// challenge asks for a text to sign.
func (v *visitor) challenge(k key) string {
	v.h.t.Helper()
	return v.post("/auth/challenge", map[string]any{"address": k.address().String()}).want(200).text("message")
}

// login signs in with k.
func (v *visitor) login(k key, more map[string]any) answer {
	v.h.t.Helper()
	m := v.challenge(k)
	body := map[string]any{"address": k.address().String(), "message": m, "signature": k.sign(m)}
	for name, x := range more {
		body[name] = x
	}
	return v.post("/auth/particle", body)
}

// owner claims the home with a new wallet and returns a program that holds its token.
func (h *home) owner() *visitor {
	h.t.Helper()
	v := h.visitor()
	v.key = newKey(h.t)
	v.token = v.login(v.key, map[string]any{"claim_code": h.auth.ClaimCode().Reveal()}).want(200).text("token")
	return v
}

// member lets a further wallet in and returns its program.
func (h *home) member(owner *visitor, role auth.Role) *visitor {
	h.t.Helper()
	p, err := h.auth.Authenticate(h.t.Context(), owner.token, peerAddr(&http.Request{RemoteAddr: "127.0.0.1:1"}), "test")
	if err != nil {
		h.t.Fatal(err)
	}
	v := h.visitor()
	v.key = newKey(h.t)
	if err := h.auth.Admit(h.t.Context(), p, v.key.address(), role); err != nil {
		h.t.Fatal(err)
	}
	v.token = v.login(v.key, nil).want(200).text("token")
	return v
}
