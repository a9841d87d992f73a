package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// poll is dial over HTTP: a client that polls until the test ends.
func (h *home) poll(t *testing.T, d dialing) (*line, *http.Response, error) {
	t.Helper()
	l := &line{diary: newDiary(t)}
	q := url.Values{"EIO": {"4"}, "transport": {"polling"}}
	if d.eio3 {
		q.Set("EIO", "3")
	}
	for k, v := range d.query {
		q[k] = v
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	request := func(method, body string) (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, h.url+"/socket.io/?"+q.Encode(), strings.NewReader(body))
		if err != nil {
			return "", err
		}
		for k, v := range d.header {
			r.Header[k] = v
		}
		res, err := client.Do(r)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != 200 {
			err = fmt.Errorf("%d: %s", res.StatusCode, b)
		}
		return string(b), err
	}
	b, err := request("GET", "")
	if err != nil {
		return nil, nil, err
	}
	packets := func(b string) []string {
		if !d.eio3 {
			return strings.Split(b, "\x1e")
		}
		var all []string
		for b != "" { // <length in UTF-16>:<packet>
			var n int
			_, rest, _ := strings.Cut(b, ":")
			if _, err := fmt.Sscanf(b, "%d:", &n); err != nil {
				t.Errorf("payload %q", b)
				return all
			}
			i := 0
			for j, r := range rest {
				if n == 0 {
					break
				}
				n--
				if r > 0xffff {
					n--
				}
				i = j + len(string(r))
			}
			all, b = append(all, rest[:i]), rest[i:]
		}
		return all
	}
	got := packets(b)
	var open struct{ Sid string }
	if err := json.Unmarshal([]byte(got[0][1:]), &open); err != nil {
		t.Fatalf("handshake %q: %v", b, err)
	}
	q.Set("sid", open.Sid)
	for _, p := range got[1:] {
		l.packet(p)
	}
	if !d.eio3 {
		auth, err := json.Marshal(d.auth)
		if err != nil || d.auth == nil {
			auth = []byte("{}")
		}
		if _, err := request("POST", "40"+string(auth)); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for {
			b, err := request("GET", "")
			if err != nil {
				l.note("gone", nil)
				return
			}
			for _, p := range packets(b) {
				if p != "2" { // no test lives long enough to owe a pong
					l.packet(p)
				}
			}
		}
	}()
	return l, nil, nil
}
