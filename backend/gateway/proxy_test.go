package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pc2/backend/names"
	"pc2/backend/preface"
)

// seen is what a node saw of a request.
type seen struct {
	Proto, Host, Method, URI, Visitor string
	Header                            http.Header
	Body                              int64
	Sum                               string
	Trailer                           http.Header
}

// mirror answers with what it saw.
func mirror(w http.ResponseWriter, r *http.Request) {
	h := sha256.New()
	n, err := io.Copy(h, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	v, ok := preface.FromContext(r.Context())
	if !ok {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	s := seen{Proto: r.Proto, Host: r.Host, Method: r.Method, URI: r.RequestURI, Header: r.Header, Body: n, Sum: hex.EncodeToString(h.Sum(nil)), Trailer: r.Trailer}
	if v.Addr.IsValid() {
		s.Visitor = v.Addr.Addr().String()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(s)
}

func (a answer) seen(t testing.TB) (s seen) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &s); err != nil || a.code != 200 {
		t.Fatalf("%d %s: %v", a.code, a.body, err)
	}
	return s
}

// Which requests share a connection: those that cannot stall it.
func TestConnections(t *testing.T) {
	s := newScene(t)
	n := s.home("alice", 1, http.HandlerFunc(mirror))
	unknown := func(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }
	for name, c := range map[string]struct {
		method string
		body   io.Reader
		length int64
		proto  string
	}{
		"GET":                    {"GET", nil, 0, "HTTP/2.0"},
		"POST of nothing":        {"POST", nil, 0, "HTTP/2.0"},
		"POST of 64 KiB":         {"POST", bytes.NewReader(make([]byte, 64<<10)), 64 << 10, "HTTP/2.0"},
		"POST of a byte more":    {"POST", bytes.NewReader(make([]byte, 64<<10+1)), 64<<10 + 1, "HTTP/1.1"},
		"POST of 5 MiB":          {"PUT", bytes.NewReader(make([]byte, 5<<20)), 5 << 20, "HTTP/1.1"},
		"POST of unknown length": {"POST", unknown(make([]byte, 3)), 3, "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.send(s.request(c.method, "alice.localhost", "/a%2Fb//c?x=1;y&z=%zz", c.body)).seen(t)
			want := sha256.Sum256(make([]byte, c.length))
			if got.Proto != c.proto || got.Body != c.length || got.Sum != hex.EncodeToString(want[:]) || got.Method != c.method || got.URI != "/a%2Fb//c?x=1;y&z=%zz" {
				t.Error(got)
			}
			if one := c.proto == "HTTP/1.1"; one != (got.Visitor == "127.0.0.1") {
				t.Error("visitor", got.Visitor)
			}
		})
	}
	if d := n.dials.Load(); d != 4 {
		t.Errorf("%d connections, not three and a shared one", d)
	}
	eventually(t, "the connections of single requests stay", func() bool { return n.conns() == 1 })
}

func TestForwardedHeaders(t *testing.T) {
	s := newScene(t)
	s.home("alice", 1, http.HandlerFunc(mirror))
	got := s.get("alice.localhost", "/",
		"X-Forwarded-For", "1.2.3.4", "X-Forwarded-For", "5.6.7.8", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "1", "X-Forwarded-Server", "evil",
		"X_Forwarded_For", "1.2.3.4", "X-Real-Ip", "1.2.3.4", "Forwarded", "for=1.2.3.4", "True-Client-Ip", "1.2.3.4", "Cf-Connecting-Ip", "1.2.3.4", "X-Original-Url", "/evil",
		"Connection", "X-Forwarded-For, X-Drop, keep-alive", "X-Drop", "1", "Keep-Alive", "timeout=5", "Proxy-Connection", "keep-alive", "Proxy-Authorization", "x", "Te", "trailers, gzip",
		"X-Kept", "1", "Authorization", "Bearer t", "Cookie", "a=b",
	).seen(t)
	want := http.Header{
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"alice.localhost"}, "X-Forwarded-Proto": {"http"},
		"X-Kept": {"1"}, "Authorization": {"Bearer t"}, "Cookie": {"a=b"}, "Te": {"trailers"}, "User-Agent": got.Header["User-Agent"],
	}
	if fmt.Sprint(got.Header) != fmt.Sprint(want) {
		t.Errorf("the node saw %v", got.Header)
	}
	if got.Host != "alice.localhost" {
		t.Error(got.Host)
	}
	// The port is the one that the browser shows: origins have it.
	got = s.get("ALICE.localhost:4321", "/").seen(t)
	if got.Host != "alice.localhost:4321" || got.Header.Get("X-Forwarded-Host") != "alice.localhost:4321" {
		t.Error(got)
	}
	if got = s.get("alice.localhost:80", "/").seen(t); got.Host != "alice.localhost" {
		t.Error(got)
	}
}

func TestAnswerHeaders(t *testing.T) {
	s := newScene(t)
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, c := range []string{
			"a=1; Domain=localhost; Path=/", "b=2;domain=.LOCALHOST", "c=3; Path=/; DOMAIN = x; HttpOnly", "d=4;\tDomain\t=x", "Domain=v; Secure", "e=5; Domain", "__Host-f=6; Path=/; Secure; SameSite=Lax",
		} {
			h.Add("Set-Cookie", c)
		}
		h.Set("Alt-Svc", `h3="evil:443"`)
		h.Set("X-Request-Id", "the node's")
		h.Set("X-Kept", "1")
	}))
	for _, body := range [][]byte{nil, make([]byte, 100<<10)} { // both kinds of connection
		a := s.do("POST", "alice.localhost", "/", body)
		want := []string{"a=1; Path=/", "b=2", "c=3; Path=/; HttpOnly", "d=4", "Domain=v; Secure", "e=5", "__Host-f=6; Path=/; Secure; SameSite=Lax"}
		if !slices.Equal(a.header["Set-Cookie"], want) {
			t.Errorf("%q", a.header["Set-Cookie"])
		}
		if a.header.Get("X-Request-Id") != "the node's" || len(a.header["X-Request-Id"]) != 1 || a.header.Get("X-Kept") != "1" {
			t.Error(a.header)
		}
		for _, k := range []string{"Alt-Svc", "X-Content-Type-Options", "X-Ratelimit-Limit"} {
			if a.header.Get(k) != "" {
				t.Errorf("%s: %q", k, a.header.Get(k))
			}
		}
	}
}

func TestHTTPFeatures(t *testing.T) {
	s := newScene(t)
	content := bytes.Repeat([]byte("0123456789"), 100<<10)
	mux := http.NewServeMux()
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"x"`)
		http.ServeContent(w, r, "a.bin", time.Unix(1e9, 0), bytes.NewReader(content))
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.Header().Set("Set-Cookie", "early=1; Domain=localhost")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		io.WriteString(w, "late")
	})
	mux.HandleFunc("/trailers", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "got "+r.Trailer.Get("X-In"))
		w.Header().Set(http.TrailerPrefix+"X-Late", "1")
	})
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Accept-Encoding")) })
	s.home("alice", 1, mux)

	if a := s.do("HEAD", "alice.localhost", "/file", nil); a.code != 200 || a.header.Get("Content-Length") != fmt.Sprint(len(content)) || a.body != "" {
		t.Error("HEAD", a.code, a.header)
	}
	if a := s.get("alice.localhost", "/file"); a.body != string(content) {
		t.Error("GET")
	}
	if a := s.get("alice.localhost", "/file", "Range", "bytes=10-19"); a.code != 206 || a.body != "0123456789" || a.header.Get("Content-Range") != fmt.Sprintf("bytes 10-19/%d", len(content)) {
		t.Error("range", a.code, a.header)
	}
	if a := s.get("alice.localhost", "/file", "If-None-Match", `"x"`); a.code != 304 || a.body != "" {
		t.Error("304", a.code)
	}
	if a := s.get("alice.localhost", "/gzip"); a.body != "" {
		t.Error("the gateway asks for", a.body)
	}

	var hints []textproto.MIMEHeader
	r := s.request("GET", "alice.localhost", "/hints", nil)
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, h)
		return nil
	}}))
	if a := s.send(r); a.body != "late" || len(hints) != 1 || hints[0].Get("Link") == "" || hints[0].Get("Set-Cookie") != "" {
		t.Error("103", a, hints)
	}

	r = s.request("POST", "alice.localhost", "/trailers", struct{ io.Reader }{strings.NewReader("x")})
	r.Trailer = http.Header{"X-In": {"1"}}
	res, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.Trailer.Get("X-Sum") != "got 1" || res.Trailer.Get("X-Late") != "1" {
		t.Error("trailers", res.Trailer)
	}

	// The node refuses before the body is sent.
	r = s.request("PUT", "alice.localhost", "/refuse", &countdown{left: 100 << 20}, "Expect", "100-continue")
	r.ContentLength = 100 << 20
	if a := s.send(r); a.code != 403 {
		t.Error("expect", a.code)
	}
}

// countdown is a body of zeros.
type countdown struct{ left int64 }

func (c *countdown) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), c.left)
	c.left -= n
	return int(n), nil
}

// Every byte is on its way before the next one is made, in both directions.
func TestNothingWaits(t *testing.T) {
	s := newScene(t)
	next := make(chan string)
	s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sized" {
			w.Header().Set("Content-Length", "4")
		}
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		http.NewResponseController(w).Flush()
		if r.Method == "POST" {
			b := make([]byte, 1)
			for {
				if _, err := r.Body.Read(b); err != nil {
					return
				}
				w.Write(b)
				http.NewResponseController(w).Flush()
			}
		}
		for x := range next {
			io.WriteString(w, x)
			http.NewResponseController(w).Flush()
		}
	}))
	for _, path := range []string{"/events", "/sized"} {
		next = make(chan string)
		res, err := s.http.Do(s.request("GET", "alice.localhost", path, nil)) // the head comes by itself
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []string{"a", "b", "c", "d"} {
			next <- x
			b := make([]byte, 1)
			if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != x {
				t.Fatalf("%s: %q, %v", path, b, err)
			}
		}
		close(next)
		res.Body.Close()
	}
	in, out := io.Pipe()
	res, err := s.http.Do(s.request("POST", "alice.localhost", "/echo", in))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []string{"a", "b", "c"} {
		io.WriteString(out, x)
		b := make([]byte, 1)
		if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != x {
			t.Fatalf("echo: %q, %v", b, err)
		}
	}
	out.Close()
	if _, err := res.Body.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	res.Body.Close()
}

// The shared connections of two nodes are not mixed up, and a name that gets
// another device goes to that one from the next request on.
func TestNodesDoNotMix(t *testing.T) {
	s := newScene(t)
	say := func(x string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, x+" "+r.Host) })
	}
	s.home("alice", 1, say("one"))
	s.home("bob", 2, say("two"))
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			name, want := "alice", "one alice.localhost"
			if i%2 == 1 {
				name, want = "bob", "two bob.localhost"
			}
			if a := s.get(name+".localhost", "/"); a.body != want {
				t.Error(a)
			}
		})
	}
	wg.Wait()
	moved := key(77).ID()
	s.relay.set(moved, newNode(t, say("three")))
	if a := s.do("POST", "localhost", "/api/register", s.claim(key(1), "alice", names.Register, moved)); a.code != 200 {
		t.Fatal(a)
	}
	if a := s.get("alice.localhost", "/"); a.body != "three alice.localhost" {
		t.Error(a)
	}
	if a := s.do("POST", "localhost", "/api/register", s.claim(key(1), "alice", names.Release, moved)); a.code != 200 {
		t.Fatal(a)
	}
	if a := s.get("alice.localhost", "/"); a.code != 404 {
		t.Error(a)
	}
}

func TestManyShareOneConnection(t *testing.T) {
	s := newScene(t)
	var inside, most atomic.Int64
	gate := make(chan struct{})
	n := s.home("alice", 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if now := inside.Add(1); now > most.Load() {
			most.Store(now)
		}
		<-gate
		inside.Add(-1)
		io.Copy(w, r.Body)
	}))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			want := strings.Repeat(fmt.Sprint(i, " "), 100)
			if a := s.do("POST", "alice.localhost", "/", []byte(want)); a.body != want {
				t.Errorf("%d: %d %.20q", i, a.code, a.body)
			}
		})
	}
	eventually(t, "200 requests do not run at once", func() bool { return inside.Load() == 200 })
	close(gate)
	wg.Wait()
	if d := n.dials.Load(); d > 2 {
		t.Errorf("%d connections", d)
	}
}
