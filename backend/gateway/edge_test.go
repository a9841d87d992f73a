package gateway

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pc2/backend/boson"
	"pc2/backend/names"
)

func TestHosts(t *testing.T) {
	g := testGateway(t)
	for host, want := range map[string]struct {
		name, label, host string
		dotted, bad       bool
	}{
		"alice.localhost":             {name: "alice", label: "alice", host: "alice.localhost"},
		"ALICE.LocalHost":             {name: "alice", label: "alice", host: "alice.localhost"},
		"alice.localhost:4321":        {name: "alice", label: "alice", host: "alice.localhost:4321"},
		"alice.localhost:80":          {name: "alice", label: "alice", host: "alice.localhost"},
		"alice.localhost.":            {name: "alice", label: "alice", host: "alice.localhost", dotted: true},
		"alice.localhost.:4321":       {name: "alice", label: "alice", host: "alice.localhost:4321", dotted: true},
		"localhost":                   {host: "localhost"},
		"localhost:1":                 {host: "localhost:1"},
		"":                            {},
		"127.0.0.1:80":                {host: "127.0.0.1"},
		"[::1]:81":                    {host: "[::1]:81"},
		"example.org":                 {host: "example.org"},
		"alicelocalhost":              {host: "alicelocalhost"},
		"alice.localhost.evil.org":    {host: "alice.localhost.evil.org"},
		"a.b.localhost":               {label: "a.b", host: "a.b.localhost"},
		"alice.alice.localhost":       {label: "alice.alice", host: "alice.alice.localhost"},
		"www.localhost":               {label: "www", host: "www.localhost"},
		"xn--bcher-kva.localhost":     {label: "xn--bcher-kva", host: "xn--bcher-kva.localhost"},
		"a_b.localhost":               {label: "a_b", host: "a_b.localhost"},
		"bücher.localhost":            {bad: true},
		"alice.localhost..":           {bad: true},
		".localhost":                  {bad: true},
		"alice..localhost":            {bad: true},
		"alice.localhost:":            {bad: true},
		"alice.localhost:0":           {bad: true},
		"alice.localhost:080":         {bad: true},
		"alice.localhost:+80":         {bad: true},
		"alice.localhost:65536":       {bad: true},
		"alice.localhost:80:80":       {bad: true},
		"alice.localhost/":            {bad: true},
		"alice.localhost@evil":        {bad: true},
		"al ice.localhost":            {bad: true},
		"al%69ce.localhost":           {bad: true},
		"[::1":                        {bad: true},
		"[1.2.3.4]":                   {bad: true},
		"::1":                         {bad: true},
		"[fe80::1%25eth0]":            {bad: true},
		"alice\x00.localhost":         {bad: true},
		strings.Repeat("a", 300):      {bad: true},
		strings.Repeat("a.", 200):     {bad: true},
		strings.Repeat("a", 64) + ".": {bad: true},
	} {
		p, err := g.place(host)
		if (err != nil) != want.bad || p.name.String() != want.name || p.label != want.label || p.host != want.host || p.dotted != want.dotted {
			t.Errorf("%.40q: %+v, %v", host, p, err)
		}
	}
}

func testGateway(t testing.TB) *Gateway {
	t.Helper()
	g, err := New(Config{Dialer: &relay{nodes: map[boson.ID]*node{}}, Names: names.NewRegistry(names.Config{}), Domain: "localhost", Scheme: "http"})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"alice.localhost:80", "[::1]:1", "a.b.localhost.", "xn--a.localhost", "ALICE.LOCALHOST"} {
		f.Add(s)
	}
	g := testGateway(f)
	f.Fuzz(func(t *testing.T, host string) {
		p, err := g.place(host)
		if err != nil {
			return
		}
		again, err := g.place(p.host)
		if err != nil || again.host != p.host || again.name != p.name || again.label != p.label || again.dotted {
			t.Fatalf("%q is %+v, which is %+v, %v", host, p, again, err)
		}
		if !p.name.IsZero() && p.name.String()+".localhost" != strings.TrimRight(strings.TrimRight(p.host, "0123456789"), ":") {
			t.Fatalf("%q is %+v", host, p)
		}
	})
}

func TestDottedHost(t *testing.T) {
	s := newScene(t)
	s.home("alice", 1, http.HandlerFunc(mirror))
	a := s.get("alice.localhost.:4321", "//a?b")
	if a.code != 301 || a.header.Get("Location") != "http://alice.localhost:4321//a?b" {
		t.Error(a)
	}
	if a := s.do("POST", "alice.localhost.", "/a", []byte("x")); a.code != 308 || a.header.Get("Location") != "http://alice.localhost/a" {
		t.Error(a)
	}
}

// Requests that could be read in two ways never reach a node.
func TestSmuggling(t *testing.T) {
	s := newScene(t)
	reached := make(chan string, 100)
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- r.Header.Get("Case")
		io.Copy(io.Discard, r.Body)
	}))
	head := func(method string, lines ...string) string {
		return method + " / HTTP/1.1\r\nHost: alice.localhost\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	}
	for name, c := range map[string]struct {
		say  string
		code int
	}{
		"two lengths":               {head("POST", "Content-Length: 4", "Content-Length: 5") + "aaaaa", 400},
		"the same length twice":     {head("POST", "Content-Length: 4", "content-length: 4") + "aaaa", 400},
		"two lengths in one":        {head("POST", "Content-Length: 4, 4") + "aaaa", 400},
		"length and chunks":         {head("POST", "Content-Length: 4", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400},
		"chunks and length":         {head("POST", "Transfer-Encoding: chunked", "Content-Length: 4") + "0\r\n\r\n", 400},
		"chunked twice":             {head("POST", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400},
		"chunked, identity":         {head("POST", "Transfer-Encoding: chunked, identity") + "0\r\n\r\n", 501},
		"chunked in another letter": {head("POST", "Transfer-Encoding: \x0bchunked") + "0\r\n\r\n", 400},
		"an unknown coding":         {head("POST", "Transfer-Encoding: xchunked") + "0\r\n\r\n", 501},
		"chunks in HTTP/1.0":        {"POST / HTTP/1.0\r\nHost: alice.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"a negative length":         {head("POST", "Content-Length: -1"), 400},
		"a signed length":           {head("POST", "Content-Length: +1") + "a", 400},
		"a hexadecimal length":      {head("POST", "Content-Length: 0x1") + "a", 400},
		"an endless length":         {head("POST", "Content-Length: 99999999999999999999999"), 400},
		"two hosts":                 {head("GET", "Host: bob.localhost"), 400},
		"no host":                   {"GET / HTTP/1.1\r\n\r\n", 400},
		"a folded header":           {head("GET", "X: a", " b"), 400},
		"a folded header, tab":      {head("GET", "X: a", "\tContent-Length: 5"), 400},
		"a space before the colon":  {head("POST", "Content-Length : 4") + "aaaa", 400},
		"a NUL":                     {head("GET", "X: a\x00b"), 400},
		"a bare CR":                 {head("GET", "X: a\rY: b"), 400},
		"no colon":                  {head("GET", "X"), 400},
		"a host in the path":        {"GET http://bob.localhost/ HTTP/1.1\r\nHost: alice.localhost\r\nAccept: text/html\r\n\r\n", 404},
		"CONNECT":                   {"CONNECT alice.localhost:80 HTTP/1.1\r\nHost: alice.localhost\r\n\r\n", 405},
		"2 MiB of headers":          {head("GET", slices.Repeat([]string{"X: " + strings.Repeat("a", 1000)}, 2100)...), 431},
		"a header of 2 MiB":         {head("GET", "X: "+strings.Repeat("a", 2<<20)), 431},
		"a path of 2 MiB":           {"GET /" + strings.Repeat("a", 2<<20) + " HTTP/1.1\r\nHost: alice.localhost\r\n\r\n", 431},
		"a method with a space":     {"GE T / HTTP/1.1\r\nHost: alice.localhost\r\n\r\n", 400},
		"HTTP/2 in the clear":       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := s.raw(c.say)
			if err != nil && c.code != 431 { // who is still sending may see the reset first
				t.Fatal(err)
			}
			if err == nil && res.StatusCode != c.code {
				t.Error(res.StatusCode)
			}
		})
	}
	// The second of two requests in one packet is looked at as well.
	res, err := s.raw(head("GET", "Case: first") + head("POST", "Case: second", "Content-Length: 4", "Transfer-Encoding: chunked") + "0\r\n\r\n")
	if err == nil && res.StatusCode != 200 {
		t.Error(res.StatusCode)
	}
	time.Sleep(50 * time.Millisecond)
	close(reached)
	for c := range reached {
		if c != "first" {
			t.Errorf("%q reached the node", c)
		}
	}
}

func TestSlowLoris(t *testing.T) {
	s := newScene(t, func(c *Config) { c.patience = 500 * time.Millisecond })
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for _, b := range []byte("GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", 1000)) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadAll(c); err != nil {
		var late net.Error
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Fatal("a head may take for ever", late)
		}
	}
	c.Close()
	<-gone
}

// The scanner's verdict does not depend on how the bytes arrive, and it refuses
// nothing that a well-behaved client writes.
func FuzzHeads(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n \n\n \nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\n\n \r\r\n0\r\nX: y\r\n\r\nGET",
		"POST / HTTP/1.1\nContent-Length: 1\nContent-Length: 1\n\n",
		"GET /" + strings.Repeat("a", 500) + " HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		var whole, pieces heads
		want := whole.scan(b)
		got := 0
		for got < len(b) {
			n := min(int(step)+1, len(b)-got)
			k := pieces.scan(b[got : got+n])
			if got += k; k < n {
				break
			}
		}
		if got != want {
			t.Fatalf("%d in one piece, %d in pieces of %d", want, got, int(step)+1)
		}
		var w bytes.Buffer
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil || want < len(b) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		r.ContentLength = int64(len(b))
		if step%2 == 0 {
			r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
		}
		if r.URL.Host == "" {
			r.URL.Host = "a"
		}
		if r.Write(&w) != nil {
			return
		}
		w.Write(w.Bytes()) // another one behind it
		var h heads
		if n := h.scan(w.Bytes()); n < w.Len() || h.in != inHead && h.in != inUnknown {
			t.Fatalf("refuses what net/http writes, at %d of %q", n, w.Bytes())
		}
	})
}

func TestPages(t *testing.T) {
	s := newScene(t)
	s.home("alice", 1, http.HandlerFunc(mirror))
	s.relay.set(key(51).ID(), nil)
	outside := regexp.MustCompile(`(?i)<script|src=|url\(|@import|<link|\son[a-z]+=`)
	for name, c := range map[string]struct {
		host, path string
		code       int
		want       []string
	}{
		"unknown":    {"anna.localhost", "/files", 404, []string{"<title>There is no PC2 called anna.localhost</title>", `href="http://localhost/"`}},
		"no name":    {"a.b.localhost", "/", 404, []string{"a.b.localhost"}},
		"reserved":   {"www.localhost", "/", 404, []string{"www.localhost"}},
		"offline":    {"alice.localhost", "/", 502, []string{"<h1>alice.localhost is offline</h1>", "a moment ago", `<a class="btn" href="">Try again</a>`}},
		"front":      {"localhost", "/", 200, []string{"<form"}},
		"front, bad": {"localhost", "/?name=%22%3E%3Cscript%3E", 400, []string{"&lt;script&gt;"}},
		"nothing":    {"localhost", "/x", 404, []string{"There is nothing here"}},
	} {
		a := s.get(c.host, c.path, "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		if a.code != c.code || len(a.body) > 10<<10 || outside.MatchString(a.body) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d, %d bytes", name, a.code, len(a.body))
		}
		for _, w := range c.want {
			if !strings.Contains(a.body, w) {
				t.Errorf("%s: no %q", name, w)
			}
		}
		if !strings.Contains(a.body, "color-scheme: light dark") || !strings.Contains(a.body, "Nothing is stored here. Files stay at home, on the PC itself.") {
			t.Errorf("%s: another look", name)
		}
		if b := s.get(c.host, c.path, "Accept", "*/*"); c.code != 200 && (b.code != c.code && name != "front, bad" || b.json["code"] == nil) {
			t.Errorf("%s: %d %s", name, b.code, b.body)
		}
	}
	if a := s.get("localhost:4321", "/?name=Alice"); a.code != 303 || a.header.Get("Location") != "http://alice.localhost:4321/" {
		t.Error(a)
	}
	if a := s.do("HEAD", "anna.localhost", "/", nil, "Accept", "text/html"); a.code != 404 || a.body != "" {
		t.Error(a)
	}
}

// certificate is a CA of the test's own and what it gave the gateway.
func certificate(t testing.TB, hosts ...string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: hosts, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: k}}}, pool
}

func TestTLS(t *testing.T) {
	conf, pool := certificate(t, "*.example.org", "example.org")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t, func(c *Config) { c.Domain, c.Scheme, c.HTTPS, c.TLS = "example.org", "https", l, conf })
	clear := s.addr
	// The clear port says only where to go.
	for _, c := range []struct{ method, host, want string }{
		{"GET", "alice.example.org", "https://alice.example.org/a?b=c"},
		{"GET", "alice.example.org.:81", "https://alice.example.org/a?b=c"},
		{"HEAD", "example.org", "https://example.org/a?b=c"},
		{"GET", "evil.net", "https://example.org/a?b=c"},
		{"POST", "alice.example.org", "https://alice.example.org/a?b=c"},
	} {
		code := 301
		if c.method == "POST" {
			code = 308
		}
		if a := s.do(c.method, c.host, "/a?b=c", nil); a.code != code || a.header.Get("Location") != c.want {
			t.Error(c, a)
		}
	}
	s.addr = l.Addr().String()
	for _, h2 := range []bool{false, true} {
		tr := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{RootCAs: pool}, Dial: func(string, string) (net.Conn, error) { return net.Dial("tcp", s.addr) }}
		tr.Protocols.SetHTTP1(!h2)
		tr.Protocols.SetHTTP2(h2)
		defer tr.CloseIdleConnections()
		s.http.Transport = schemed{tr}
		proto := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2]
		if !h2 {
			s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Strict-Transport-Security", "max-age=1")
				mirror(w, r)
			}))
		}
		for _, body := range [][]byte{nil, make([]byte, 1<<20)} {
			res, err := s.http.Do(s.request("POST", "alice.example.org", "/", bytes.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			got := answer{code: res.StatusCode, body: string(b)}.seen(t)
			if res.Proto != proto || got.Header.Get("X-Forwarded-Proto") != "https" || got.Host != "alice.example.org" || got.Body != int64(len(body)) || fmt.Sprint(res.Header["Strict-Transport-Security"]) != "["+hsts+"]" {
				t.Error(res.Proto, got, res.Header)
			}
		}
		if a := s.get("example.org", "/api/health"); a.code != 200 || a.header.Get("Strict-Transport-Security") != hsts {
			t.Error(a)
		}
	}
	// Heads are looked at inside TLS too.
	c, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: pool, ServerName: "alice.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: alice.example.org\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 400 {
		t.Error(res, err)
	}
	// Who says nothing on the secure port, or nothing sensible, delays nobody.
	for i := range 20 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
		}
	}
	if a := s.get("example.org", "/api/health"); a.code != 200 {
		t.Error(a)
	}
	s.addr = clear
}

type schemed struct{ http.RoundTripper }

func (s schemed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "https"
	return s.RoundTripper.RoundTrip(r)
}
