package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/auth"
	"pc2/backend/preface"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every route states its policy, and without a token only the open ones answer.
func TestEveryRouteWithoutToken(t *testing.T) {
	h := start(t)
	h.owner()
	stranger := h.visitor()
	for _, r := range h.api.routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		a := stranger.do(method, path, nil)
		switch r.policy {
		case user, owner:
			a.want(401, "token_missing")
		case control:
			a.want(403, "forbidden")
		case window:
			a.want(404, "not_found") // there is no program with a window
		case open, guest:
			if a.status == 401 && a.object()["code"] == "token_missing" {
				t.Errorf("%s: an open route wants a token", r.pattern)
			}
		}
		if a.header.Get("X-Request-Id") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", r.pattern, a.header)
		}
		forged := stranger.do(method, path, nil, with("Authorization", "Bearer "+strings.Repeat("ab", 32)))
		if r.policy == user || r.policy == owner || r.policy == guest {
			forged.want(401, "token_auth_failed")
		}
		if r.own {
			stranger.do(method, path, nil, with("Origin", "https://evil.example")).want(403, "forbidden")
			stranger.do(method, path, nil, with("Sec-Fetch-Site", "cross-site")).want(403, "forbidden")
			stranger.do(method, path, nil, with("Sec-Fetch-Site", "same-site")).want(403, "forbidden")
			if a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s answers CORS headers", r.pattern)
			}
		}
	}
}

func TestRoutesWithoutPolicyAreRefused(t *testing.T) {
	s := &Server{}
	for _, r := range []route{{pattern: "GET /x", serve: s.health}, {pattern: "/x", policy: open, serve: s.health}, {pattern: "GET /x", policy: open}, {pattern: "GET /x", policy: open, serve: s.health, class: "none"}} {
		if _, err := s.mux([]route{r}); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
}

func TestHosts(t *testing.T) {
	h := start(t, func(c *Config) { c.AllowedHosts = []string{"nas.example"}; c.PublicURL = "https://pc2.example:8443" })
	v := h.visitor()
	for host, ok := range map[string]bool{
		"localhost": true, "LOCALHOST:1": true, "alice.localhost:4200": true, "127.0.0.1:99999": true, "127.8.8.8": true, "[::1]:4200": true,
		"192.168.1.5:4200": true, "10.0.0.1": true, "172.16.3.4": true, "169.254.1.1": true, "[fe80::1]": true, "[fd00::1]:1": true, "box.local": true, "box.local.": true,
		"nas.example": true, "nas.example:80": true, "pc2.example": true,
		"evil.example": false, "localhost.evil.example": false, "8.8.8.8": false, "172.32.0.1": false, "[2001:db8::1]": false, "nas.example.evil": false,
		"evil.example#.localhost": false, "localhost:x": false, "xnas.example": false, ".localhost": false, "127.0.0.1.nip.io": false,
	} {
		a := v.get("/health", with("Host", host))
		if ok && a.status != 200 || !ok && (a.status != 421 || a.object()["code"] != "host_not_allowed") && a.status != 400 {
			t.Errorf("Host %q: %d %s", host, a.status, a.body)
		}
	}
}

func TestCORS(t *testing.T) {
	h := start(t)
	o := h.owner()
	a := o.get("/whoami", with("Origin", "https://app.example")).want(200)
	if a.header.Get("Access-Control-Allow-Origin") != "https://app.example" || a.header.Get("Access-Control-Allow-Credentials") != "true" || !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
		t.Fatal(a.header)
	}
	pre := o.do("OPTIONS", "/write", nil, with("Origin", "https://app.example"), with("Access-Control-Request-Method", "PUT"), with("Access-Control-Request-Private-Network", "true")).want(204)
	if !strings.Contains(pre.header.Get("Access-Control-Allow-Headers"), "Want-Repr-Digest") || pre.header.Get("Access-Control-Allow-Private-Network") != "" {
		t.Fatal(pre.header)
	}
	if own := o.do("OPTIONS", "/auth/particle", nil, with("Origin", "https://app.example"), with("Access-Control-Request-Method", "POST")).want(204); own.header.Get("Access-Control-Allow-Origin") != "" {
		t.Fatal(own.header)
	}
	if a := o.get("/nothing", with("Origin", "https://app.example")).want(404, "not_found"); a.header.Get("Access-Control-Allow-Origin") == "" {
		t.Fatal("an error that a page cannot read")
	}
}

// A cookie counts for the node's own page alone, one cookie of its name, and
// beats nothing that was presented before it.
func TestCookie(t *testing.T) {
	h := start(t)
	v := h.visitor().page()
	k := newKey(t)
	v.login(k, map[string]any{"claim_code": h.auth.ClaimCode().Reveal()}).want(200)
	v.get("/whoami").want(200)
	if v.get("/whoami").text("username") != k.address().String() {
		t.Fatal("the cookie does not count")
	}
	foreign := func(name, value string) {
		t.Helper()
		if a := v.get("/whoami", with(name, value)).want(200); a.object()["username"] != nil {
			t.Errorf("%s: %s counts as signed in", name, value)
		}
		v.post("/mkdir", map[string]any{"path": "~/x"}, with(name, value)).want(401, "token_missing")
	}
	foreign("Origin", "https://evil.example")
	foreign("Origin", "null")
	foreign("Origin", strings.Replace(h.url, "127.0.0.1", "localhost", 1))
	foreign("Origin", h.url+".evil.example")
	foreign("Sec-Fetch-Site", "cross-site")
	foreign("Sec-Fetch-Site", "same-site")
	var name, value string
	req, _ := http.NewRequest("GET", h.url, nil)
	for _, c := range v.client.Jar.Cookies(req.URL) {
		name, value = c.Name, c.Value
	}
	if !strings.HasPrefix(name, "pc2_") || len(name) != 12 {
		t.Fatal("cookie name", name)
	}
	stranger := h.visitor()
	stranger.get("/whoami", with("Cookie", name+"="+value+"; "+name+"="+value)).want(400, "bad_request")
	stranger.get("/whoami", with("Cookie", "pc2_someelse="+value)).want(200)
	stranger.get("/whoami", with("Cookie", name+"="+strings.Repeat("0", 64))).want(401, "token_auth_failed")
	v.get("/whoami", with("Authorization", "Bearer nonsense")).want(401, "token_auth_failed")
	v.get("/whoami", with("Authorization", "Basic eDp5")).want(401, "token_auth_failed")
	v.get("/whoami", with("X-API-Key", "pc2_x")).want(401, "token_auth_failed")
	v.get("/whoami?auth_token=" + value).want(200) // a session's token in an address counts for nothing; the cookie does
	stranger.get("/whoami?auth_token=" + value).want(200)
	if stranger.get("/whoami?token=" + value).object()["username"] != nil {
		t.Fatal("a session's token in an address signs in")
	}
}

func TestLimitsCountStrangersAndNotPeople(t *testing.T) {
	h := start(t, func(c *Config) { c.Limits = map[string]int{"auth": 3, "stat": 5, "mnemonic": 0} })
	v := h.visitor()
	for i := range 3 {
		if a := v.post("/auth/challenge", map[string]any{"address": newKey(t).address().String()}).want(200); a.header.Get("X-RateLimit-Remaining") != fmt.Sprint(2-i) {
			t.Fatal(a.header)
		}
	}
	a := v.post("/auth/challenge", map[string]any{"address": newKey(t).address().String()}).want(429, "too_many_requests")
	if a.header.Get("Retry-After") == "" || a.object()["retry_after"] == nil {
		t.Fatal(a.header, string(a.body))
	}
	h = start(t, func(c *Config) { c.Limits = map[string]int{"stat": 5} })
	o := h.owner()
	for range 30 {
		o.get("/stat?path=~").want(200)
	}
}

func TestBadBodies(t *testing.T) {
	h := start(t)
	o := h.owner()
	for body, code := range map[string]string{"{": "client_bad_json", "[1": "client_bad_json", `{"path":"~"} x`: "client_bad_json", `5`: "client_bad_json", `{"path":5e1000}`: "", strings.Repeat(`[`, 100_000): "client_bad_json"} {
		a := o.do("POST", "/stat", strings.NewReader(body), with("Content-Type", "application/json"))
		if a.status != 400 || code != "" && a.object()["code"] != code {
			t.Errorf("%.20q: %d %s", body, a.status, a.body)
		}
	}
	o.do("POST", "/stat", strings.NewReader(`{"path":"~"}`), with("Content-Type", "text/plain;actually=json")).want(200)
	o.do("POST", "/stat", strings.NewReader(`{"path":"~"}`), with("Content-Type", "text/plain")).want(200)
	o.do("POST", "/stat", strings.NewReader(`path=~`), with("Content-Type", "application/x-www-form-urlencoded")).want(200)
	o.do("POST", "/stat", io.LimitReader(zeros{}, 2<<20), with("Content-Type", "application/json")).want(413, "too_large")
	o.do("POST", "/write", io.LimitReader(zeros{}, 60<<20), with("Content-Type", "application/json")).want(413, "too_large")
	h.visitor().do("POST", "/write", bytes.NewReader(make([]byte, 2<<20)), with("Content-Type", "application/json")).want(413, "too_large")
	h.visitor().do("POST", "/stat", strings.NewReader(`{"path":"~","auth_token":"`+o.token+`"}`), with("Content-Type", "text/plain;actually=json")).want(200)
	o.do("POST", "/stat", strings.NewReader(`{"path":"~","auth_token":"`+strings.Repeat("0", 64)+`"}`), with("Content-Type", "application/json")).want(401, "token_auth_failed")
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestUnknownAddresses(t *testing.T) {
	h := start(t)
	v := h.visitor()
	v.get("/api/nothing", with("Accept", "text/html")).want(404, "not_found")
	if v.get("/api/nothing").object()["success"] != false {
		t.Fatal("success")
	}
	v.get("/file", with("Accept", "text/html")).want(404, "not_found")
	v.get("/ipfs/x", with("Accept", "text/html")).want(404, "not_found")
	v.get("/anything").want(404, "not_found")
	v.post("/anything", nil).want(404, "not_found")
	if a := v.get("/anything", with("Accept", "text/html,*/*")).want(200); !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'self'") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Fatal(a.header)
	}
	if a := v.do("PATCH", "/stat", nil).want(405, "method_not_allowed"); !strings.Contains(a.header.Get("Allow"), "POST") {
		t.Fatal(a.header)
	}
	v.do("HEAD", "/health", nil).want(200)
}

func TestControl(t *testing.T) {
	h := start(t)
	v := h.visitor()
	v.get("/api/control/status", with("Authorization", "Bearer control-secret")).want(200)
	v.get("/api/control/status", with("Authorization", "Bearer control-secret2")).want(403, "forbidden")
	v.get("/api/control/status", with("Authorization", "Bearer control-secret"), with("Origin", h.url)).want(403, "forbidden")
	v.get("/api/control/status", with("Authorization", "Bearer control-secret"), with("X-Forwarded-For", "127.0.0.1")).want(403, "forbidden")
}

// Behind a proxy that the owner trusts the visitor's address and scheme count;
// from anybody else such headers only take the nearness of loopback away.
func TestIngress(t *testing.T) {
	h := start(t)
	v := h.visitor()
	code := h.auth.ClaimCode().Reveal()
	v.get("/api/setup/mnemonic", with("X-PC2-Claim", code), with("X-Forwarded-For", "127.0.0.1")).want(403, "forbidden")
	v.get("/api/setup/mnemonic", with("X-PC2-Claim", code), with("Forwarded", "for=127.0.0.1")).want(403, "forbidden")
	if v.get("/api/setup/mnemonic", with("X-PC2-Claim", code)).want(200).text("mnemonic") != testPhrase {
		t.Fatal("phrase")
	}
	v.get("/api/setup/mnemonic", with("X-PC2-Claim", code)).want(410, "phrase_already_shown")

	h2 := start(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	v2 := h2.visitor()
	a := v2.get("/health", with("X-Forwarded-For", "8.8.8.8, 203.0.113.7"), with("X-Forwarded-Proto", "https"), with("X-Forwarded-Host", "127.0.0.1")).want(200)
	if a.header.Get("Strict-Transport-Security") == "" {
		t.Fatal("the proxy's https does not count")
	}
	v2.get("/health", with("X-Forwarded-For", "8.8.8.8"), with("X-Forwarded-Host", "evil.example")).want(421)
}

// What a gateway brings is for the name that the world knows; no other one leads to
// this node by that way, not even those of this PC.
func TestHostOfVisitors(t *testing.T) {
	h := start(t) // it has no name
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	key := [32]byte{1}
	srv := &http.Server{Handler: h.api.Handler()}
	preface.Prepare(srv)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.Serve(preface.Listen(inner, preface.Config{Key: func(net.Conn) ([32]byte, bool) { return key, true }}))
	}()
	defer func() { srv.Close(); <-ended }()
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", inner.Addr().String())
		if err != nil {
			return nil, err
		}
		return preface.Shared(c, key)
	}}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]", "alice.localhost", "192.168.1.1", "pc.local", "evil.example"} {
		for _, header := range []string{"", "X-Forwarded-Host"} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+host+"/health", nil)
			if err != nil {
				t.Fatal(err)
			}
			if header != "" {
				req.Host = "alice.example"
				req.Header.Set(header, host)
			}
			res, err := (&http.Client{Transport: tr}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%s %s: %d", header, host, res.StatusCode)
			}
		}
	}
}

func TestRoles(t *testing.T) {
	h := start(t)
	o := h.owner()
	m := h.member(o, auth.Member)
	a := h.member(o, auth.Admin)
	for _, v := range []*visitor{m, a} {
		v.post("/api/setup/mnemonic", map[string]any{}).want(403, "forbidden")
	}
	o.post("/api/setup/mnemonic", map[string]any{}).want(401, "signature_required")
	msg := o.post("/auth/challenge", map[string]any{"address": o.key.address().String(), "purpose": "recovery-phrase"}).want(200).text("message")
	if got := o.post("/api/setup/mnemonic", map[string]any{"message": msg, "signature": o.key.sign(msg)}).want(200).text("mnemonic"); got != testPhrase {
		t.Fatal(got)
	}
	o.post("/api/setup/mnemonic", map[string]any{"message": msg, "signature": o.key.sign(msg)}).want(401, "challenge_unknown")
	login := o.challenge(o.key)
	o.post("/api/setup/mnemonic", map[string]any{"message": login, "signature": o.key.sign(login)}).want(401, "challenge_mismatch")
}

// A body that stands still must not hold its connection for ever; one that is
// cut leaves nothing.
func TestCutBodies(t *testing.T) {
	h := start(t)
	o := h.owner()
	for name, head := range map[string]string{
		"short.bin": "PUT /write?path=~/short.bin HTTP/1.1\r\nContent-Length: 1000000\r\n",
		"chunk.bin": "PUT /write?path=~/chunk.bin HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
		"multi.bin": "POST /write HTTP/1.1\r\nContent-Length: 100000\r\nContent-Type: multipart/form-data; boundary=xyz\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%sHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", head, o.token)
		switch name {
		case "short.bin":
			conn.Write(make([]byte, 300_000))
		case "chunk.bin":
			fmt.Fprintf(conn, "186a0\r\n%s\r\n", strings.Repeat("x", 100_000))
		case "multi.bin":
			fmt.Fprintf(conn, "--xyz\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n~/multi.bin\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n%s\r\n--xy", strings.Repeat("y", 90_000))
		}
		conn.(*net.TCPConn).CloseWrite()
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		io.Copy(io.Discard, conn)
		conn.Close()
		o.get("/stat?path=~/"+name).want(404, "subject_does_not_exist")
	}
}
