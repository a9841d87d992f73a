package api

import (
	"bytes"
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/fault"
)

// program is the program around the node.
type program struct {
	opened chan string
	broken bool
	busy   chan time.Duration
	saved  chan string
	slow   time.Duration // each write of a file
	again  int           // how often the page was loaded anew
}

func (p *program) Browse(url string) error {
	if p.broken {
		return errors.New("no browser")
	}
	p.opened <- url
	return nil
}
func (p *program) Busy(d time.Duration) { p.busy <- d }
func (p *program) Window() bool         { return true }
func (p *program) Again() bool          { p.again++; return !p.broken }

func (p *program) Save(ctx context.Context, name string, write func(io.Writer) error) (Saved, error) {
	if p.broken {
		return Saved{}, fault.New(fault.Full, "disk_of_downloads_full", "No room.")
	}
	var b bytes.Buffer
	if err := write(&slow{ctx, &b, p.slow}); err != nil {
		return Saved{}, err
	}
	p.saved <- name + ":" + b.String()
	return Saved{Name: name, Folder: "Downloads"}, nil
}

func (p *program) Reveal(name string) error { p.opened <- name; return nil }

func withProgram(t *testing.T) (*home, *program) {
	p := &program{opened: make(chan string, 8), busy: make(chan time.Duration, 8), saved: make(chan string, 8)}
	return start(t, func(c *Config) { c.Desktop = p }), p
}

// in opens the door for v and says where it leads.
func (v *visitor) in(to string) string {
	v.h.t.Helper()
	a := v.get(v.h.api.Enter(to), with("Sec-Fetch-Site", "cross-site")).want(200) // from wails://
	m := regexp.MustCompile(`url=([^"]*)"`).FindSubmatch(a.body)
	if m == nil {
		v.h.t.Fatalf("it leads nowhere: %s", a.body)
	}
	return html.UnescapeString(string(m[1]))
}

// outside fails unless v has nothing of the window.
func (v *visitor) outside(more ...func(*http.Request)) {
	v.h.t.Helper()
	if w := v.get("/desktop/window", more...).want(200).object(); w["window"] != false || len(w) != 2 {
		v.h.t.Fatal(w)
	}
	if a := v.get("/desktop/about", more...); a.status != 403 && a.status != 404 {
		v.h.t.Fatal(a.status)
	}
}

func TestDoorStory(t *testing.T) {
	h, _ := withProgram(t)
	v := h.visitor()
	v.outside()
	v.get("/desktop/enter").want(403)
	v.get("/desktop/enter?k=x").want(403)
	if to := v.in("/"); to != "/#claim="+h.auth.ClaimCode().Reveal() {
		t.Fatal("a node without an owner:", to)
	}
	w := v.get("/desktop/window").want(200).object()
	if w["window"] != true || w["own"] != true || w["trusted"] != false {
		t.Fatal(w)
	}
	key := h.api.Enter("/desktop/about")
	if a := v.get(key).want(200); !strings.Contains(string(a.body), "url=/desktop/about") {
		t.Fatalf("%s", a.body)
	}
	v.get(key).want(403)
	claim := "/#claim=" + h.auth.ClaimCode().Reveal()
	for _, page := range []string{"/desktop/about", "/desktop/address"} { // their links come from no window
		if a := v.get(page).want(200); !strings.Contains(string(a.body), `href="`+claim+`"`) {
			t.Fatalf("%s leads nowhere without an owner: %s", page, a.body)
		}
	}
	if to := v.in("/#/files/x"); to != claim {
		t.Fatal("a link without an owner:", to)
	}
	v.get("/desktop/window", with("Origin", "https://evil.example")).want(403, "forbidden")
	h.visitor().outside()
	h.visitor().outside(with("Cookie", "pc2w_"+h.api.cookieID+"="))
	v.outside(with("X-Forwarded-For", "192.0.2.1"))
	v.get(h.api.Enter("/"), with("X-Forwarded-For", "192.0.2.1")).want(404)

	h.owner()
	for _, page := range []string{"/", "/#/files/x"} {
		if to := v.in(page); to != page {
			t.Fatal("with an owner:", to)
		}
	}
	if a := v.get("/desktop/about").want(200); !strings.Contains(string(a.body), `href="/"`) {
		t.Fatalf("%s", a.body)
	}
	if u := v.get("/whoami").object()["username"]; u != nil {
		t.Fatal("signed in without anybody's consent:", u)
	}
}

// A browser gets the claim code at the door, and nothing of the window.
func TestVisit(t *testing.T) {
	h, _ := withProgram(t)
	claim := "/#claim=" + h.auth.ClaimCode().Reveal()
	v := h.visitor()
	address := h.api.Visit()
	if strings.Contains(address, h.auth.ClaimCode().Reveal()) {
		t.Fatal("the code stands in the address")
	}
	if a := v.get(address, with("Sec-Fetch-Site", "none")).want(200); !strings.Contains(html.UnescapeString(string(a.body)), "url="+claim+`"`) {
		t.Fatalf("%s", a.body)
	}
	v.get(address).want(403)
	v.outside()
	h.owner()
	if a := v.get(h.api.Visit()).want(200); !strings.Contains(string(a.body), `url=/"`) {
		t.Fatalf("%s", a.body)
	}
	v.outside()
}

// A page that has lost its cookies asks for new ones with what it was told.
func TestAgain(t *testing.T) {
	h, p := withProgram(t)
	v := h.visitor()
	v.in("/")
	key, _ := v.get("/desktop/window").want(200).object()["again"].(string)
	if key == "" || key == h.api.door.window {
		t.Fatal("no key of its own:", key)
	}
	stranger := h.visitor()
	body := map[string]any{"again": key}
	for name, a := range map[string]answer{
		"nothing":         stranger.post("/desktop/again", map[string]any{}),
		"a guess":         stranger.post("/desktop/again", map[string]any{"again": "x" + key[1:]}),
		"the cookie":      stranger.post("/desktop/again", map[string]any{"again": h.api.door.window}),
		"a foreign page":  stranger.post("/desktop/again", body, with("Origin", "https://evil.example")),
		"another machine": stranger.post("/desktop/again", body, with("X-Forwarded-For", "192.0.2.1")),
	} {
		if a.status != 403 && a.status != 400 || p.again != 0 {
			t.Errorf("%s: %d, %d", name, a.status, p.again)
		}
	}
	stranger.post("/desktop/again", body).want(200)
	if p.again != 1 {
		t.Fatal(p.again)
	}
	stranger.outside() // it brings nothing with it
	p.broken = true
	stranger.post("/desktop/again", body).want(409, "not_now")
	start(t).visitor().post("/desktop/again", body).want(404)
}

func TestKeysAreBounded(t *testing.T) {
	d, now := newDoor(), time.Now()
	first := d.key(pass{to: "/"}, now)
	for range maxKeys {
		d.key(pass{to: "/"}, now.Add(time.Second))
	}
	if _, ok := d.use(first, now); ok || len(d.keys) != maxKeys {
		t.Fatal("the oldest key did not make room", len(d.keys))
	}
	k := d.key(pass{to: "/x"}, now)
	if _, ok := d.use(k, now.Add(keyFor)); ok {
		t.Fatal("an old key works")
	}
	k = d.key(pass{to: "/x"}, now)
	if p, ok := d.use(k, now); !ok || p.to != "/x" {
		t.Fatal(p, ok)
	}
}

// The owner consents in the window, once; then a window is signed in by itself.
func TestTrustedWindow(t *testing.T) {
	h, _ := withProgram(t)
	o := h.owner()
	v := h.visitor().page()
	v.in("/")
	v.post("/desktop/trust", map[string]any{"trusted": true}).want(401, "token_missing")
	o.post("/desktop/trust", map[string]any{"trusted": true}).want(403, "forbidden") // not in the window
	v.login(o.key, nil).want(200)
	v.post("/desktop/trust", map[string]any{"trusted": true}).want(200)
	m := h.member(o, auth.Member)
	m.client.Jar = v.client.Jar
	m.post("/desktop/trust", map[string]any{"trusted": true}).want(403, "forbidden")

	fresh := h.visitor().page()
	fresh.in("/")
	if who := fresh.get("/whoami").text("username"); who != o.key.address().String() {
		t.Fatal("the window is not signed in:", who)
	}
	sessions := len(o.get("/auth/list-sessions").want(200).list())
	fresh.in("/")
	if n := len(o.get("/auth/list-sessions").want(200).list()); n != sessions {
		t.Fatal("a window that has its session got another one")
	}
	started := h.visitor().page() // the program again: a window without its cookie
	started.in("/")
	if n := len(o.get("/auth/list-sessions").want(200).list()); n != sessions {
		t.Fatalf("the window has left a session behind: %d, and before %d", n, sessions)
	}
	fresh.get("/auth/list-sessions").want(401, "reauth_required")
	fresh = started
	fresh.post("/desktop/trust", map[string]any{"trusted": false}).want(200)
	last := h.visitor().page()
	last.in("/")
	if u := last.get("/whoami").object()["username"]; u != nil {
		t.Fatal("the consent was taken back:", u)
	}
}

// The window has no wallet; the browser has, and says yes.
func TestHandover(t *testing.T) {
	h, p := withProgram(t)
	o := h.owner()
	w := h.visitor().page()
	w.in("/")
	w.get("/desktop/handover").want(410, "pair_expired")
	h.visitor().post("/desktop/handover", map[string]any{}).want(403, "forbidden")

	ask := func() string {
		t.Helper()
		w.post("/desktop/handover", map[string]any{}).want(200)
		u, err := url.Parse(<-p.opened)
		if err != nil || u.Scheme+"://"+u.Host != h.url || !strings.HasPrefix(u.Fragment, "window=") {
			t.Fatal(u, err)
		}
		return strings.TrimPrefix(u.Fragment, "window=")
	}
	key := ask()
	o.post("/desktop/handover/answer", map[string]any{"key": "guess", "allow": true}).want(410, "pair_expired")
	h.visitor().post("/desktop/handover/answer", map[string]any{"key": key, "allow": true}).want(401, "token_missing")
	o.post("/desktop/handover/answer", map[string]any{"key": key, "allow": false}).want(200)
	w.get("/desktop/handover").want(403, "pair_denied")

	old, key := key, ask()
	o.post("/desktop/handover/answer", map[string]any{"key": old, "allow": true}).want(410, "pair_expired")
	o.post("/desktop/handover/answer", map[string]any{"key": key, "allow": true}).want(200)
	if u := w.get("/desktop/handover").want(200).object()["user"].(map[string]any); u["username"] != o.key.address().String() {
		t.Fatal(u)
	}
	w.get("/desktop/handover").want(410, "pair_expired")
	o.post("/desktop/handover/answer", map[string]any{"key": key, "allow": true}).want(410, "pair_expired")
	sessions := len(o.get("/auth/list-sessions").want(200).list())
	o.post("/desktop/handover/answer", map[string]any{"key": ask(), "allow": true}).want(200)
	w.get("/desktop/handover").want(200)
	if n := len(o.get("/auth/list-sessions").want(200).list()); n != sessions {
		t.Fatalf("the window has left a session behind: %d, and before %d", n, sessions)
	}
	if who := w.get("/whoami").text("username"); who != o.key.address().String() {
		t.Fatal("the window has no cookie:", who)
	}
}

func TestWindowAsksTheProgram(t *testing.T) {
	h, p := withProgram(t)
	w := h.visitor().page()
	w.in("/")
	for _, u := range []string{"", "file:///etc/passwd", "javascript:alert(1)", "pc2://open", "https:///x", "http://" + strings.Repeat("a", 9000), "//evil.example"} {
		w.post("/desktop/open", map[string]any{"url": u}).want(400, "bad_request")
	}
	w.post("/desktop/open", map[string]any{"url": "https://example.org/a?b#c"}).want(200)
	if u := <-p.opened; u != "https://example.org/a?b#c" {
		t.Fatal(u)
	}
	w.post("/desktop/busy", map[string]any{"busy": true}).want(200)
	w.post("/desktop/busy", map[string]any{"busy": false}).want(200)
	if a, b := <-p.busy, <-p.busy; a != busyFor || b != 0 {
		t.Fatal(a, b)
	}
	p.broken = true
	w.post("/desktop/open", map[string]any{"url": "https://example.org"}).want(503, "no_browser")
}

func TestNoProgram(t *testing.T) {
	h := start(t)
	v := h.visitor()
	v.get(h.api.Enter("/")).want(404)
	v.get("/desktop/window").want(200)
	v.outside()
}

func TestQR(t *testing.T) {
	svg, err := qrSVG("https://alice.example")
	if err != nil || !strings.Contains(svg, `viewBox="0 0 25 25"`) || !strings.Contains(svg, "M0 0h7v1h-7z") {
		t.Fatal(svg, err)
	}
	if _, err := qrSVG(strings.Repeat("x", 5000)); err == nil {
		t.Fatal("too much for a code")
	}
}

// Pages are apart from whoever opened them, but for the window, which none opened
// and which would start a process more for it.
func TestAlone(t *testing.T) {
	h, _ := withProgram(t)
	const name = "Cross-Origin-Opener-Policy"
	window := with("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15 wails.io")
	page := with("Accept", "text/html")
	v := h.visitor()
	for _, path := range []string{"/", "/desktop/enter?k="} {
		at := func() string {
			if path == "/" {
				return path
			}
			return h.api.Enter("/")
		}
		if got := v.get(at(), page).want(200).header.Get(name); got != "same-origin" {
			t.Errorf("%s in a browser: %q", path, got)
		}
		if got := v.get(at(), page, window).want(200).header.Get(name); got != "" {
			t.Errorf("%s in the window: %q", path, got)
		}
	}
}
