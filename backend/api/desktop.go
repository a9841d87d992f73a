package api

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"pc2/backend/auth"
	"pc2/backend/fault"
)

// Desktop is the program with a window around this node. Without one the routes
// below /desktop answer 404.
type Desktop interface {
	// Browse opens an http or https address in the system's browser.
	Browse(url string) error
	// Busy asks that the window keeps its page for so long, even when it is closed.
	Busy(time.Duration)
	// Window says whether there is a window at all, or the system's browser in its place.
	Window() bool
	// Again loads the page in the window anew, by a key that works once, and says
	// whether it does.
	Again() bool
	// Save puts what write writes into the folder for downloads, under a name like
	// the given one that is free. Nothing is left when it fails or ctx ends.
	Save(ctx context.Context, name string, write func(io.Writer) error) (Saved, error)
	// Reveal shows one of those files where it is.
	Reveal(name string) error
}

var (
	errNotWindow = fault.New(fault.Denied, "forbidden", "Only the PC2 window on this PC may do that.")
	errOtherUser = "This address is for the user who runs PC2. Open PC2 from its icon."
	errKeyUsed   = "This address worked once, and has been used or is too old. Open PC2 from its icon."
	errBrowse    = fault.New(fault.Invalid, "bad_request", "Only addresses that begin with http:// or https:// can be opened.")
	errNotAgain  = fault.New(fault.Conflict, "not_now", "The window is not loaded anew.")
	errNoBrowser = fault.New(fault.Unavailable, "no_browser", "The browser of this PC could not be opened.")
)

// Enter is the path that lets a window in, once: with a page to go to.
func (s *Server) Enter(to string) string {
	return "/desktop/enter?k=" + s.door.key(pass{to: to}, time.Now())
}

// Visit is the path for a browser of this PC, once: it brings the claim code of a
// node without an owner, and makes no window of who uses it.
func (s *Server) Visit() string {
	return "/desktop/enter?k=" + s.door.key(pass{to: "/", visit: true}, time.Now())
}

// enter trades the key for the window's cookie. A session comes with it only
// when the owner has consented; a node without an owner gives its claim code
// instead, in the fragment, which no server sees. The key stands in the command
// line of what opens a browser, where other users of this PC can read it, so it
// is worth nothing to them.
func (s *Server) enter(c *call) error {
	if s.cfg.Desktop == nil || c.in != loopback {
		return errNoRoute
	}
	key, err := c.fields.text("k")
	if err != nil {
		return err
	}
	if !s.ourUser(c) {
		return c.local(http.StatusForbidden, "enter", map[string]any{"Problem": errOtherUser})
	}
	p, ok := s.door.use(key, time.Now())
	if !ok {
		return c.local(http.StatusForbidden, "enter", map[string]any{"Problem": errKeyUsed})
	}
	to := p.to
	if start := s.start(); start != "/" && !strings.HasPrefix(to, "/desktop/") {
		to = start // whatever was asked for comes after there is an owner
	}
	if !p.visit {
		c.setWindowCookie()
		if err := s.enterTrusted(c); err != nil {
			return err
		}
	}
	// Not a 303: the window comes from another origin, and a navigation that
	// began there brings no SameSite=Strict cookie to where it ends.
	return c.local(http.StatusOK, "enter", map[string]any{"To": to})
}

// start is where the page begins: with the claim code, while there is no owner.
func (s *Server) start() string {
	if code := s.cfg.Auth.ClaimCode().Reveal(); code != "" {
		return "/#claim=" + code
	}
	return "/"
}

// ourUser says whether the request comes from a program of the user whom this
// one runs for, as far as the system tells.
func (s *Server) ourUser(c *call) bool {
	local, ok := c.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true
	}
	here, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return true
	}
	there, err := netip.ParseAddrPort(c.RemoteAddr)
	if err != nil {
		return true
	}
	switch user, err := peerUser(here, there); {
	case err != nil:
		s.log.Debug("the user of a connection is not known", "err", err)
		return true
	case user != os.Geteuid():
		s.log.Warn("another user of this PC wanted to come in as the window", "user", user)
		return false
	}
	return true
}

// enterTrusted signs the window in when its owner wants that and it is not.
func (s *Server) enterTrusted(c *call) error {
	if token := c.anyCookie(); token != "" {
		if _, err := s.cfg.Auth.Authenticate(c.Context(), token, c.ip, c.UserAgent()); err == nil {
			return nil // a window that rested still has its session
		}
	}
	l, err := s.cfg.Auth.EnterTrusted(c.Context(), "PC2 window", c.ip, c.UserAgent())
	if err != nil || l == nil {
		return err
	}
	if err := s.cfg.Files.EnsureHome(c.Context(), l.User.Wallet); err != nil {
		return err
	}
	c.setCookie(l.Token, int(time.Until(l.Session.ExpiresAt).Seconds()))
	return nil
}

// anyCookie is the sign-in cookie of a request that has proved itself by a key.
func (c *call) anyCookie() string {
	k, err := c.Cookie(c.cookieName())
	if err != nil {
		return ""
	}
	return k.Value
}

func (c *call) windowCookieName() string { return "pc2w_" + c.s.cookieID }

func (c *call) setWindowCookie() {
	http.SetCookie(c.w, &http.Cookie{Name: c.windowCookieName(), Value: c.s.door.window, Path: "/desktop", HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// fromWindow lets in the window that this program opened, over loopback.
func (s *Server) fromWindow(c *call) error {
	if s.cfg.Desktop == nil {
		return errNoRoute
	}
	k, err := c.Cookie(c.windowCookieName())
	if err != nil || c.in != loopback || subtle.ConstantTimeCompare([]byte(k.Value), []byte(s.door.window)) != 1 {
		return errNotWindow
	}
	return nil
}

// desktopWindow tells the page whether it is in the window. Every page on this
// PC asks, so a no is no failure.
func (s *Server) desktopWindow(c *call) error {
	if s.fromWindow(c) != nil {
		return c.ok(map[string]any{"success": true, "window": false})
	}
	trusted, err := s.cfg.Auth.Trusted(c.Context())
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "window": true, "own": s.cfg.Desktop.Window(), "trusted": trusted, "again": s.door.again})
}

// desktopAgain is for a page whose webview has lost its cookies, the window's too:
// WebKit holds them in a process that may die. The key was told to the page while
// it had them, and is good for nothing else.
func (s *Server) desktopAgain(c *call) error {
	if s.cfg.Desktop == nil {
		return errNoRoute
	}
	key, err := c.fields.text("again")
	if err != nil {
		return err
	}
	if c.in != loopback || subtle.ConstantTimeCompare([]byte(key), []byte(s.door.again)) != 1 {
		return errNotWindow
	}
	if !s.cfg.Desktop.Again() {
		return errNotAgain
	}
	return c.ok(map[string]any{"success": true})
}

func (s *Server) desktopOpen(c *call) error {
	to, err := c.fields.text("url")
	if err != nil {
		return err
	}
	if u, err := url.Parse(to); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(to) > 8192 {
		return errBrowse
	}
	if err := s.cfg.Desktop.Browse(to); err != nil {
		return errNoBrowser.Because(err)
	}
	return c.ok(map[string]any{"success": true})
}

// busyFor is how long one word of the page keeps it loaded; it says so again
// while it has something to lose.
const busyFor = 90 * time.Second

func (s *Server) desktopBusy(c *call) error {
	busy, err := c.fields.flag(true, "busy")
	if err != nil {
		return err
	}
	d := time.Duration(0)
	if busy {
		d = busyFor
	}
	s.cfg.Desktop.Busy(d)
	return c.ok(map[string]any{"success": true})
}

// desktopTrust is the owner's consent, given in the window itself.
func (s *Server) desktopTrust(c *call) error {
	if err := s.fromWindow(c); err != nil {
		return err
	}
	on, err := c.fields.flag(false, "trusted")
	if err != nil {
		return err
	}
	if err := s.cfg.Auth.Trust(c.Context(), c.who, on, c.ip, c.UserAgent()); err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "trusted": on})
}

// handoverAsk sends the owner to the system's browser, where the wallet is.
func (s *Server) handoverAsk(c *call) error {
	key := s.door.ask(c.UserAgent(), time.Now())
	if err := s.cfg.Desktop.Browse(c.origin + "/#window=" + key); err != nil {
		return errNoBrowser.Because(err)
	}
	return c.ok(map[string]any{"success": true, "expires_in": int(handoverFor.Seconds())})
}

// handoverAnswer is the browser's, which is signed in and was asked.
func (s *Server) handoverAnswer(c *call) error {
	if c.in != loopback {
		return errNotWindow
	}
	key, err := c.fields.text("key")
	if err != nil {
		return err
	}
	allow, err := c.fields.flag(false, "allow")
	if err != nil {
		return err
	}
	h, err := s.door.answer(key, time.Now())
	if err != nil {
		return err
	}
	if !allow {
		h.decide(nil, auth.ErrPairDenied)
		return c.ok(map[string]any{"success": true})
	}
	l, err := s.cfg.Auth.SignInWindow(c.Context(), c.who, "PC2 window", c.ip, h.agent)
	if err != nil {
		h.decide(nil, err)
		return err
	}
	h.decide(&l, nil)
	return c.ok(map[string]any{"success": true})
}

// handoverAwait answers the window once the browser decided.
func (s *Server) handoverAwait(c *call) error {
	h := s.door.current(time.Now())
	if h == nil {
		return auth.ErrPairExpired
	}
	ctx, cancel := context.WithTimeout(c.Context(), pairPoll)
	defer cancel()
	select {
	case <-h.decided:
	case <-ctx.Done():
		return auth.ErrPairWaiting
	}
	l, err := s.door.collect(h)
	if err != nil {
		return err
	}
	return s.signedIn(c, *l)
}

// desktopAbout and desktopAddress are small pages that need nobody signed in:
// who sees the window sits at the PC.
func (s *Server) desktopAbout(c *call) error {
	return c.local(http.StatusOK, "about", map[string]any{"Version": s.cfg.Version, "OS": runtime.GOOS + " " + runtime.GOARCH, "Go": runtime.Version(), "Start": s.start()})
}

func (s *Server) desktopAddress(c *call) error {
	state := s.cfg.Net.State()
	if state.URL == "" {
		return c.local(http.StatusOK, "address", map[string]any{"Sentence": state.Sentence, "Start": s.start()})
	}
	svg, err := qrSVG(state.URL)
	if err != nil {
		return err
	}
	return c.local(http.StatusOK, "address", map[string]any{"URL": state.URL, "Sentence": state.Sentence, "QR": template.HTML(svg), "Start": s.start()})
}

// localCSP allows what stands in the page itself, and no script.
const localCSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (c *call) local(code int, page string, data map[string]any) error {
	var b strings.Builder
	if err := localPages.ExecuteTemplate(&b, page, data); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Security-Policy", localCSP)
	h.Set("X-Frame-Options", "DENY")
	c.alone()
	return c.bytes(code, "text/html; charset=utf-8", []byte(b.String()))
}

// alone keeps a page apart from windows that opened it. Not in PC2's own, which has
// none: WebKitGTK would start a second process for each opening, and when that one
// is asked for before the first has said that it loads, it loads in neither.
func (c *call) alone() {
	if c.in == loopback && strings.Contains(c.UserAgent(), "wails.io") {
		return
	}
	c.w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
}

// newDoor makes the window's cookie of this process.
func newDoor() *door { return &door{window: rand.Text(), again: rand.Text(), keys: map[string]pass{}} }
