//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"
)

// trusted makes an owner who has consented that the window signs itself in, and
// ends: what is started next shows the files. It goes by the browser's way in,
// since that needs no eyes.
func (s *stage) trusted() (token string) {
	s.Helper()
	display := s.lookup("DISPLAY")
	s.set("DISPLAY", "")
	p := s.start("--hidden")
	token = p.claim()
	p.call(p.window(), "POST", "/desktop/trust", token, bytes.NewReader([]byte(`{"trusted":true}`)))
	p.click("Quit")
	p.leaves()
	s.set("DISPLAY", display)
	return token
}

// window is the browser that stands in for the window, where there is no display.
func (p *program) window() *http.Client {
	p.Helper()
	n := len(p.opens())
	p.click("Open PC2")
	p.until("the browser", func() bool { return len(p.opens()) > n })
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.Fatal(err)
	}
	c := &http.Client{Timeout: patience, Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get(p.opens()[n])
	if err != nil {
		p.Fatal(err)
	}
	res.Body.Close()
	return c
}

// call asks the node for something, which must go well.
func (p *program) call(c *http.Client, method, path, token string, body io.Reader) []byte {
	p.Helper()
	return p.ask(c, http.StatusOK, method, path, token, body)
}

// ask wants a status.
func (p *program) ask(c *http.Client, want int, method, path, token string, body io.Reader) []byte {
	p.Helper()
	req, err := http.NewRequest(method, p.tells().URL+path, body)
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if method == "POST" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c == nil {
		c = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	}
	res, err := c.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		p.Fatalf("%s %s: %d %.300s %v", method, path, res.StatusCode, b, err)
	}
	return b
}

func (p *program) put(token, path string, content io.Reader) {
	p.Helper()
	p.call(nil, "PUT", "/write?path="+url.QueryEscape(path), token, content)
}

func (p *program) mkdir(token, path string) {
	p.Helper()
	b, err := json.Marshal(map[string]any{"path": path})
	if err != nil {
		p.Fatal(err)
	}
	p.call(nil, "POST", "/mkdir", token, bytes.NewReader(b))
}

// link is a second start with a link, which the running window follows.
func (s *stage) link(to string) {
	s.Helper()
	if out, err := s.command(to).CombinedOutput(); err != nil {
		s.Fatalf("%s: %v %s", to, err, out)
	}
}

// marksAll marks what is in the list; twice does no harm.
func (p *program) marksAll() {
	p.Helper()
	before := p.screen()
	p.focus()
	p.until("the files are marked", func() bool {
		p.do("key", "ctrl+a")
		return p.changes(before, 10_000) // rows have another ground then
	})
}

// clicksDownload presses the button above the marked files, once; further to the
// right a notification might cover it.
func (p *program) clicksDownload() {
	p.Helper()
	x, y := p.corner()
	p.do("mousemove", fmt.Sprint(x+841), fmt.Sprint(y+84), "mousemove", fmt.Sprint(x+845), fmt.Sprint(y+86), "click", "1")
}

// changes looks for a while whether so many pixels of the window become others.
func (s *stage) changes(before []byte, pixels int) bool {
	s.Helper()
	for range 30 {
		if differs(before, s.screen()) > pixels {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

// differs counts the pixels that are not the same.
func differs(a, b []byte) (n int) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
