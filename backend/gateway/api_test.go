package gateway

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pc2/backend/names"
)

func TestRegistry(t *testing.T) {
	s := newScene(t)
	alice, bob, device := key(1), key(2), key(51).ID()
	if a := s.get("localhost", "/api/available?username=Alice"); a.code != 200 || a.json["available"] != true || a.json["username"] != "alice" {
		t.Fatal(a)
	}
	first := s.claim(alice, "alice", names.Register, device)
	a := s.do("POST", "localhost", "/api/register", first)
	if a.code != 200 || a.json["success"] != true || a.json["url"] != "http://alice.localhost" || a.json["username"] != "alice" || a.json["claim"] == nil {
		t.Fatal(a)
	}
	// On any host that is no node's.
	a = s.get("127.0.0.1", "/api/lookup/ALICE")
	if a.code != 200 || a.json["nodeId"] != alice.ID().String() || a.json["online"] != false || a.json["via"] != nil || a.json["seq"] != float64(s.seq) {
		t.Fatal(a)
	}
	if strings.Contains(a.body, "127.0.0.1") {
		t.Fatal("an address in", a.body)
	}
	if _, err := time.Parse(time.RFC3339, a.json["registered"].(string)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		claim []byte
		code  int
		fault string
		key   string
	}{
		{"played again", first, 409, "seq_stale", "seq"},
		{"another's name", s.claim(bob, "alice", names.Register, device), 409, "name_taken", ""},
		{"a wrong clock", s.claim(alice, "alice", names.Register, device, func(c *names.Claim) { c.Time = c.Time.Add(-time.Hour) }), 401, "clock_skew", "server_time"},
		{"another super node", s.claim(alice, "alice", names.Register, device, func(c *names.Claim) { c.SuperNode = bob.ID() }), 401, "signature_invalid", ""},
		{"changed", bytes.Replace(s.claim(bob, "bobby", names.Register, device), []byte("bobby"), []byte("robby"), 1), 401, "signature_invalid", ""},
		{"a reserved name", bytes.Replace(s.claim(bob, "adamn", names.Register, device), []byte("adamn"), []byte("admin"), 1), 400, "name_invalid", ""},
		{"no JSON", []byte("{"), 400, "client_bad_json", ""},
		{"nothing", []byte{}, 400, "client_bad_json", ""},
		{"too long", append(first, bytes.Repeat([]byte(" "), maxClaim)...), 413, "too_large", ""},
	} {
		a := s.do("POST", "localhost", "/api/register", c.claim)
		if a.code != c.code || a.json["code"] != c.fault || a.json["success"] != false || a.json["message"] == "" || c.key != "" && a.json[c.key] == nil {
			t.Errorf("%s: %d %s", c.name, a.code, a.body)
		}
	}
	// A length that is not told is bounded too.
	a = s.send(s.request("POST", "localhost", "/api/register", struct{ *bytes.Reader }{bytes.NewReader(make([]byte, 1<<20))}))
	if a.code != 413 {
		t.Error(a)
	}
	if a := s.get("localhost", "/api/health"); a.code != 200 || a.json["status"] != "ok" || a.json["users"] != 1.0 || a.header.Get("X-Request-Id") == "" {
		t.Error(a)
	}
	if a := s.get("localhost", "/api/users"); a.json["count"] != 1.0 || strings.Contains(a.body, "alice") {
		t.Error(a)
	}
	if a := s.do("POST", "localhost", "/api/register", s.claim(alice, "alice", names.Release, device)); a.code != 200 {
		t.Error(a)
	}
	if a := s.get("localhost", "/api/lookup/alice"); a.code != 404 || a.json["code"] != "not_found" {
		t.Error(a)
	}
}

func TestAPIRefuses(t *testing.T) {
	s := newScene(t)
	for _, c := range []struct {
		method, path string
		code         int
		fault        string
	}{
		{"GET", "/api/lookup/a_b", 400, "name_invalid"},
		{"GET", "/api/lookup/nobody", 404, "not_found"},
		{"GET", "/api/lookup/", 400, "name_invalid"},
		{"GET", "/api/available", 400, "field_missing"},
		{"GET", "/api/register", 405, "not_supported"},
		{"DELETE", "/api/health", 405, "not_supported"},
		{"GET", "/api/nothing", 404, "not_found"},
		{"GET", "/api/reach/", 404, "not_found"},
		{"GET", "/elsewhere", 404, "not_found"},
	} {
		if a := s.do(c.method, "localhost", c.path, nil); a.code != c.code || a.json["code"] != c.fault {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.code, a.body)
		}
	}
	if a := s.get("localhost", "/api/available?username=a--b"); a.code != 200 || a.json["available"] != false || a.json["code"] != "name_invalid" {
		t.Error(a)
	}
	if a := s.do("HEAD", "localhost", "/api/health", nil); a.code != 200 || a.body != "" {
		t.Error(a)
	}
}

func TestLimits(t *testing.T) {
	now := time.Now()
	s := newScene(t, func(c *Config) {
		c.Limits = map[string]int{"offline": 7}
		c.Now = func() time.Time { return now }
	})
	spend := func(f func() answer, n int) answer {
		t.Helper()
		for i := range n {
			if a := f(); a.code == 429 {
				t.Fatalf("refused after %d", i)
			}
		}
		return f()
	}
	for name, c := range map[string]struct {
		f func() answer
		n int
	}{
		"register": {func() answer { return s.do("POST", "localhost", "/api/register", []byte("{}")) }, 5},
		"api":      {func() answer { return s.get("localhost", "/api/health") }, 100},
		"offline":  {func() answer { return s.get("nobody.localhost", "/") }, 7},
	} {
		a := spend(c.f, c.n)
		if a.code != 429 || a.json["code"] != "too_many_requests" || a.header.Get("Retry-After") == "" || a.header.Get("X-RateLimit-Limit") == "" || a.json["retry_after"] == nil {
			t.Errorf("%s: %d %s", name, a.code, a.body)
		}
	}
	// A page for people, and each class by itself.
	if a := s.get("nobody.localhost", "/", "Accept", "text/html"); a.code != 429 || !strings.Contains(a.body, "<h1>") {
		t.Error(a)
	}
	if a := s.get("localhost", "/api/users"); a.code != 200 {
		t.Error(a)
	}
	now = now.Add(time.Minute)
	if a := s.get("localhost", "/api/health"); a.code != 200 {
		t.Error(a)
	}
}

// What strangers make the limiter remember does not grow without end.
func TestLimiterForgets(t *testing.T) {
	now := time.Now()
	l := newLimiter(nil, func() time.Time { return now })
	c := &call{w: discard{}, ip: peerAddr("10.0.0.1:1")}
	for i := range maxBuckets + 100 {
		c.ip = peerAddr(addrOf(i) + ":1")
		if err := l.take(c, "api", ""); err != nil && i < maxBuckets {
			t.Fatal(i, err)
		}
	}
	if n := len(l.young); n > maxBuckets+1 {
		t.Fatalf("%d buckets", n)
	}
	for range 2 {
		now = now.Add(61 * time.Second)
		_ = l.take(c, "api", "")
	}
	if n := len(l.young) + len(l.old); n > 2 {
		t.Fatalf("%d buckets are still known", n)
	}
}
