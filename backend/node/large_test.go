//go:build linux

package node

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"
)

// Node and super node, a process each, carry a large file through gateway and relay
// both ways in constant memory together, while visitors who read nothing stand
// beside. PC2_LARGE_MIB sets its size (make torture: 2048).
func TestLargeAway(t *testing.T) {
	size := int64(256) << 20
	if s := os.Getenv("PC2_LARGE_MIB"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		size = n << 20
	}
	super, profile := startSuper(t)
	dir := t.TempDir()
	p := startWith(t, Flags{Data: dir, Name: "alice", Profile: profile})
	becomes(t, dir, "relay", p)
	s, err := AskStatus(t.Context(), dir)
	if err != nil || s.PublicURL == nil {
		t.Fatal(s, err)
	}
	address := *s.PublicURL
	token := p.claim(t)
	c := away(t, address)
	c.Timeout = 0
	ask := func(method string, body io.Reader) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, address+map[string]string{"PUT": "/write", "GET": "/read"}[method]+"?path=~/big", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := c.Do(req)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		return res
	}
	peak := func() int { return p.peak(t) + super.peak(t) }
	began := time.Now()
	ask("PUT", io.LimitReader(&counter{}, size)).Body.Close()
	up, upPeak := time.Since(began), peak()
	for range 8 {
		defer ask("GET", nil).Body.Close() // whose body nobody reads
	}
	began = time.Now()
	res := ask("GET", nil)
	defer res.Body.Close()
	if err := sameStream(res.Body, io.LimitReader(&counter{}, size)); err != nil {
		t.Fatal(err)
	}
	rate := func(d time.Duration) float64 { return float64(size) / 1e6 / d.Seconds() }
	t.Logf("%d MiB up at %.0f MB/s, down at %.0f MB/s; peak RSS of node and super node after the upload %d MiB, in the end %d + %d MiB",
		size>>20, rate(up), rate(time.Since(began)), upPeak>>10, p.peak(t)>>10, super.peak(t)>>10)
	if n := peak(); n == 0 || n > 120<<10 && !raced {
		t.Fatalf("peak RSS %d KiB, at most 120 MiB are allowed", n)
	}
}
