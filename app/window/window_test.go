package window

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pc2/app/host"
)

// fake is a webview that writes down what it is told.
type fake struct {
	mu   sync.Mutex
	told []string
}

func (f *fake) say(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, s)
}

func (f *fake) Show() { f.say("show") }
func (f *fake) Hide() { f.say("hide") }
func (f *fake) Load() { f.say("load") }
func (f *fake) Rest() { f.say("rest") }
func (f *fake) Quit() { f.say("quit") }

// since returns what it was told, and forgets it.
func (f *fake) since() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.told, " ")
	f.told = nil
	return s
}

// stage is a window on a node that is played.
type stage struct {
	*Window
	view    *fake
	mu      sync.Mutex
	state   host.State
	entered []string
	starts  int
	opened  chan string
}

func newStage(change func(*Config)) *stage {
	s := &stage{view: &fake{}, opened: make(chan string, 8)}
	cfg := Config{
		Tray:   func() bool { return true },
		State:  func() host.State { s.mu.Lock(); defer s.mu.Unlock(); return s.state },
		Start:  func() { s.mu.Lock(); defer s.mu.Unlock(); s.starts++ },
		Browse: func(url string) error { s.opened <- url; return nil },
		Enter: func(to string) string {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !s.state.Running() {
				return ""
			}
			s.entered = append(s.entered, to)
			return s.state.URL + "/desktop/enter?to=" + to
		},
	}
	if change != nil {
		change(&cfg)
	}
	s.Window = New(cfg)
	return s
}

func (s *stage) node(x host.State) {
	s.mu.Lock()
	s.state = x
	s.mu.Unlock()
	s.Changed(x)
}

var (
	up   = host.State{Kind: host.Relay, URL: "http://127.0.0.1:1", Sentence: "Reachable."}
	down = host.State{Kind: host.Stopped, Sentence: "PC2 is stopped."}
)

func (s *stage) want(t *testing.T, told string) {
	t.Helper()
	if got := s.view.since(); got != told {
		t.Fatalf("the webview was told %q, want %q", got, told)
	}
}

// A page that does not come is sent for again, a few times.
func TestLoadsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil)
		s.node(up)
		s.started(s.view, false)
		s.next = "/files/Photos"
		for range retries {
			s.take()
			time.Sleep(patience + time.Second)
			s.want(t, "load")
		}
		s.take()
		time.Sleep(time.Hour)
		s.want(t, "")
		if got := strings.Join(s.entered, " "); got != strings.TrimSpace(strings.Repeat("/files/Photos ", retries+1)) {
			t.Fatal(got)
		}
		// One that comes ends it, and the count.
		s.Arrived()
		s.take()
		time.Sleep(patience / 2)
		s.Arrived()
		time.Sleep(time.Hour)
		s.want(t, "")
		s.take()
		time.Sleep(patience + time.Second)
		s.want(t, "load")
		// Not the small pages, which cannot say it; nor a window that rests, or has no node.
		s.next = "/desktop/about"
		s.take()
		time.Sleep(time.Hour)
		s.want(t, "")
		s.take()
		s.Hide()
		s.unload()
		time.Sleep(time.Hour)
		s.want(t, "hide rest")
	})
}

// A page that lost its cookies comes in anew, but not for ever.
func TestAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil)
		s.node(up)
		if s.Again() {
			t.Fatal("without a window")
		}
		s.started(s.view, false)
		if !s.Again() || s.Again() {
			t.Fatal("once, and not again at once")
		}
		s.want(t, "load")
		s.Hide() // a closed one has its page
		time.Sleep(anewEvery)
		if !s.Again() {
			t.Fatal("a closed window is left without a way in")
		}
		s.want(t, "hide load")
		time.Sleep(2 * time.Minute)
		if s.Again() {
			t.Fatal("a window that rests has no page")
		}
		s.want(t, "rest")
		s.node(down)
		s.Show("")
		s.want(t, "load show")
		if s.Again() {
			t.Fatal("without a node")
		}
	})
}

func TestRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil)
		s.node(up)
		s.started(s.view, false)
		s.want(t, "")
		s.Hide()
		time.Sleep(59 * time.Second)
		s.Show("")
		s.want(t, "hide show")
		time.Sleep(2 * time.Minute)
		s.want(t, "")
		s.Hide()
		time.Sleep(61 * time.Second)
		s.want(t, "hide rest")
		s.Show("")
		s.Show("")
		s.want(t, "load show show")
		s.Show("/desktop/about")
		s.want(t, "load show")
	})
}

func TestBusyPageStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil)
		s.node(up)
		s.started(s.view, false)
		s.Hide()
		for range 10 { // as the page does
			s.Busy(90 * time.Second)
			time.Sleep(30 * time.Second)
		}
		s.want(t, "hide")
		time.Sleep(3 * time.Minute)
		s.want(t, "rest")

		s.Show("")
		s.Busy(90 * time.Second)
		s.Busy(0)
		s.Hide()
		time.Sleep(61 * time.Second)
		s.want(t, "load show hide rest")
	})
}

func TestFollowsTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil)
		s.node(up)
		s.started(s.view, false)
		relayed := up
		relayed.Sentence = "Reachable in another way."
		s.node(relayed)
		s.want(t, "")
		s.node(down)
		s.want(t, "load")
		s.node(up) // the local page sees that by itself
		s.want(t, "")
		s.Hide()
		time.Sleep(time.Hour)
		s.want(t, "hide rest")
		s.node(down)
		s.node(up)
		s.want(t, "")
	})
}

// Asked while it starts, the window is shown; before that nothing waits.
func TestAskedEarly(t *testing.T) {
	s := newStage(nil)
	s.Show("/desktop/address")
	s.Show("")
	s.Hide()
	s.started(s.view, false)
	s.want(t, "show")
	s.node(up)
	if to := s.take(); !strings.HasSuffix(to, "to=/desktop/address") {
		t.Fatal(to)
	}
	if to := s.take(); !strings.HasSuffix(to, "to=/") {
		t.Fatal("a page that was asked for once:", to)
	}
}

func TestQuitAsksUntilItIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil)
		s.node(up)
		s.started(s.view, false)
		s.Quit()
		s.Quit()
		time.Sleep(1100 * time.Millisecond)
		s.want(t, "quit quit quit")
		if s.closing(t.Context()) {
			t.Fatal("a quit was refused")
		}
		close(s.over)
		synctest.Wait()
		s.Loop() // returns at once
	})
}

// A signal reaches Wails, which asks to close, before it ends this program.
func TestSignalIsNoCloseButton(t *testing.T) {
	for _, tray := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ending := false
			s := newStage(func(c *Config) {
				c.Closed = func() { t.Error("PC2 goes on, it says") }
				c.Ending = func() bool { return ending }
				c.Tray = func() bool { return tray }
			})
			s.started(s.view, false)
			ending = true
			if !s.closing(t.Context()) {
				t.Fatal("two threads end the loop")
			}
			synctest.Wait()
			s.want(t, "")
			ending = false
			s.Quit()
			synctest.Wait()
			s.want(t, "quit")
			if s.closing(t.Context()) || !s.closing(t.Context()) {
				t.Fatal("Quit gets through once")
			}
			synctest.Wait()
			s.want(t, "")
			close(s.over)
		})
	}
}

// What shows the tray may come and go.
func TestTrayComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tray, told := false, 0
		s := newStage(func(c *Config) {
			c.Tray = func() bool { return tray }
			c.Closed = func() { told++ }
		})
		s.started(s.view, false)
		tray = true
		s.closing(t.Context())
		synctest.Wait()
		s.want(t, "hide")
		s.Show("")
		tray = false
		s.closing(t.Context())
		synctest.Wait()
		s.want(t, "show quit")
		if told != 1 {
			t.Fatal(told)
		}
		close(s.over)
	})
}

func TestCloseButton(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan bool, 1)
		s := newStage(func(c *Config) { c.Closed = func() { told <- true } })
		s.started(s.view, false)
		if !s.closing(t.Context()) {
			t.Fatal("the window ends the program")
		}
		<-told
		s.want(t, "hide")

		s = newStage(func(c *Config) { c.Tray = nil })
		s.started(s.view, false)
		if !s.closing(t.Context()) {
			t.Fatal("it ends by the way that Quit takes")
		}
		synctest.Wait()
		s.want(t, "quit")
		close(s.over)
	})
}

// A node that comes just then is not waited for; its next start opens nothing.
func TestBrowserOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil)
		enter, first := s.cfg.Enter, true
		s.cfg.Enter = func(to string) string {
			if first {
				first = false
				s.node(up)
				return ""
			}
			return enter(to)
		}
		s.openBrowser()
		<-s.opened
		s.node(down)
		s.node(up)
		synctest.Wait()
		if n := len(s.entered); n != 1 {
			t.Fatal("opened unasked:", n)
		}
	})
}

// Without a display the browser gets the way in, also one that has to wait for the node.
func TestBrowserInstead(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if noWindow() == nil {
		t.Skip("this system has a window without a display")
	}
	s := newStage(nil)
	done := make(chan struct{})
	go func() { defer close(done); s.Loop() }()
	s.node(up)
	s.Show("/desktop/about")
	if url := <-s.opened; !strings.HasSuffix(url, "to=/desktop/about") {
		t.Fatal(url)
	}
	s.node(down)
	s.Show("")
	s.node(up)
	if url := <-s.opened; !strings.HasSuffix(url, "to=/") {
		t.Fatal(url)
	}
	s.Quit()
	<-done
	close(s.over)
	s.started(s.view, true) // for Quit, which waits for a webview that never came
}

func TestLocalPage(t *testing.T) {
	s := newStage(nil)
	h := s.local()
	get := func(method, path string, header ...string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, "wails://wails"+path, nil)
		if len(header) > 0 {
			r.Header.Set("X-PC2-Window", header[0])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	s.state = host.State{Kind: host.Trouble, Sentence: "PC2 could not run: <b>", Err: errors.New("disk </pre><script>")}
	b := get("GET", "/").Body.String()
	if !strings.Contains(b, "PC2 could not run: &lt;b&gt;") || !strings.Contains(b, "disk &lt;/pre&gt;&lt;script&gt;") || !strings.Contains(b, `id="start"`) {
		t.Fatal(b)
	}
	s.state = host.State{Kind: host.Starting, Sentence: "PC2 is starting…"}
	// What is shown is what the next look is compared with: a change between the two is seen.
	if b := get("GET", "/").Body.String(); !strings.Contains(b, `!== "startingPC2 is starting…"`) || !strings.Contains(b, "PC2 is starting…") || strings.Contains(b, `id="start"`) {
		t.Fatal(b)
	}
	s.state = down
	if b := get("GET", "/").Body.String(); !strings.Contains(b, `id="start"`) || strings.Contains(b, "location.replace") {
		t.Fatal(b)
	}
	if w := get("POST", "/start"); w.Code != http.StatusForbidden || s.starts != 0 {
		t.Fatal("anybody can start it", w.Code)
	}
	if w := get("POST", "/start", s.token); w.Code != http.StatusNoContent || s.starts != 1 {
		t.Fatal(w.Code, s.starts)
	}
	if b := get("GET", "/state").Body.String(); !strings.Contains(b, `"running":false`) {
		t.Fatal(b)
	}
	s.state = up
	if b := get("GET", "/").Body.String(); !strings.Contains(b, `location.replace("http://127.0.0.1:1/desktop/enter?to=/")`) && !strings.Contains(b, `location.replace("http://127.0.0.1:1/desktop/enter?to\u003d/")`) || strings.Contains(b, s.token) {
		t.Fatal(b)
	}
}
