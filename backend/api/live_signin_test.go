package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/event"
)

// browser is a visitor that is signed in by the cookie alone, and its cookie.
func (h *home) browser(t *testing.T, o *visitor) (*visitor, string) {
	t.Helper()
	v := h.visitor().page()
	v.login(o.key, nil).want(200)
	u, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	c := v.client.Jar.Cookies(u)
	if len(c) != 1 {
		t.Fatalf("cookies %v", c)
	}
	return v, c[0].String()
}

// Where a socket's session may be named, and in which order.
func TestLiveCredentials(t *testing.T) {
	h := start(t)
	o := h.owner()
	m := h.member(o, auth.Member)
	_, cookie := h.browser(t, o)
	none := strings.Repeat("0", 64)
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	own := http.Header{"Cookie": {cookie}, "Origin": {h.url}}
	with := func(h http.Header, more ...string) http.Header {
		h = h.Clone()
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	obj := func(kv ...string) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name string
		d    dialing
		who  *visitor // nil: refused
		code string
	}{
		{"auth_token", dialing{auth: obj("auth_token", o.token)}, o, ""},
		{"token", dialing{auth: obj("token", o.token)}, o, ""},
		{"auth_token before token", dialing{auth: obj("auth_token", m.token, "token", none)}, m, ""},
		{"header", dialing{header: bearer(o.token)}, o, ""},
		{"query", dialing{query: url.Values{"auth_token": {o.token}}}, o, ""},
		{"own page's cookie", dialing{header: own}, o, ""},
		{"a program's cookie", dialing{header: http.Header{"Cookie": {cookie}}}, o, ""},
		{"empty auth, cookie", dialing{header: own, auth: map[string]any{"auth_token": "", "token": nil}}, o, ""},
		{"auth before header", dialing{auth: obj("auth_token", m.token), header: bearer(o.token)}, m, ""},
		{"header before query", dialing{header: bearer(m.token), query: url.Values{"auth_token": {o.token}}}, m, ""},
		{"query before cookie", dialing{header: own, query: url.Values{"auth_token": {m.token}}}, m, ""},
		{"foreign page with a token", dialing{auth: obj("auth_token", o.token), header: http.Header{"Origin": {"https://app.example"}}}, o, ""},
		{"foreign page with a token, cookie or not", dialing{auth: obj("auth_token", m.token), header: with(own, "Origin", "https://app.example")}, m, ""},

		{"nothing", dialing{}, nil, "token_missing"},
		{"unknown token", dialing{auth: obj("auth_token", none)}, nil, "token_auth_failed"},
		{"no token form", dialing{auth: obj("auth_token", "0x"+o.token)}, nil, "token_auth_failed"},
		{"no later place", dialing{auth: obj("auth_token", none), header: bearer(o.token)}, nil, "token_auth_failed"},
		{"bad header, good cookie", dialing{header: with(own, "Authorization", "Bearer "+none)}, nil, "token_auth_failed"},
		{"bad query, good cookie", dialing{header: own, query: url.Values{"auth_token": {none}}}, nil, "token_auth_failed"},
		{"cookie of a foreign page", dialing{header: with(own, "Origin", "https://evil.example")}, nil, "token_missing"},
		{"cookie of a page on another port", dialing{header: with(own, "Origin", "http://127.0.0.1:1")}, nil, "token_missing"},
		{"cookie of no origin", dialing{header: with(own, "Origin", "null")}, nil, "token_missing"},
		{"cookie of a cross-site request", dialing{header: http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"cross-site"}}}, nil, "token_missing"},
	} {
		for _, transport := range []string{"websocket", "polling"} {
			t.Run(c.name+"/"+transport, func(t *testing.T) {
				open := h.dial
				if transport == "polling" {
					open = h.poll
				}
				l, _, err := open(t, c.d)
				if err != nil {
					t.Fatal(err)
				}
				got := l.next("connected", "connect_error")
				if c.who == nil {
					var e struct {
						Message string
						Data    struct{ Code string }
					}
					if err := json.Unmarshal(got.data, &e); err != nil || got.name != "connect_error" || e.Message != "Unauthorized" || e.Data.Code != c.code {
						t.Fatalf("not refused: %s", &l.diary)
					}
					return
				}
				if got.name != "connected" {
					t.Fatalf("refused: %s", &l.diary)
				}
				uid := c.who.post("/mkdir", map[string]any{"path": "~/Documents/d", "dedupe_name": true}).want(200).object()["uid"]
				if e := l.next("item.added").object(t); e["uid"] != uid {
					t.Fatalf("the socket is somebody else's: %v", e)
				}
			})
		}
	}
}

// What is refused before there is a socket.
func TestLiveDoor(t *testing.T) {
	h := start(t)
	o := h.owner()
	_, cookie := h.browser(t, o)
	const path = "/socket.io/?EIO=4&transport=polling"
	v := h.visitor()
	v.get(path, with("Cookie", cookie+"; "+cookie)).want(400, "bad_request")
	v.get(path, func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer a", "Bearer b"} }).want(400, "bad_request")
	v.get(path+"&j=0").want(501, "not_supported")
	v.get("/socket.io/socket.io.js").want(404, "not_found")
	v.do("PUT", path, nil).want(400, "bad_request")
	v.post(path, "x").want(400)
	v.get("/socket.io/?EIO=4&transport=polling&sid=unknown").want(400)
	v.get("/socket.io/?EIO=4&transport=pigeon").want(400)
	v.get("/socket.io/?EIO=4&transport=websocket").want(400)
	v.get(path, with("Host", "evil.example")).want(421, "host_not_allowed")

	a := v.get(path, with("Origin", "https://app.example")).want(200)
	if a.header.Get("Access-Control-Allow-Origin") != "https://app.example" || a.header.Get("Access-Control-Allow-Credentials") != "true" ||
		!strings.Contains(strings.Join(a.header["Vary"], ","), "Origin") || a.header.Get("Set-Cookie") != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.header)
	}
	if a := v.get(path).want(200); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("headers %v", a.header)
	}
	v.do("OPTIONS", path, nil, with("Origin", "https://app.example"), with("Access-Control-Request-Method", "POST")).want(204)
	var open map[string]any
	if err := json.Unmarshal(a.body[1:], &open); err != nil || open["pingInterval"] != 25000.0 || open["pingTimeout"] != 60000.0 || open["maxPayload"] != 1e6 {
		t.Errorf("opening %s", a.body)
	}
	if strings.Contains(h.logs.String(), o.token) {
		t.Error("a token is in the log")
	}
}

func TestLiveNamespaces(t *testing.T) {
	h := start(t)
	o := h.owner()
	l, _, err := h.dial(t, dialing{mute: true, header: http.Header{"Authorization": {"Bearer " + o.token}}})
	if err != nil {
		t.Fatal(err)
	}
	l.write("40/admin,{}")
	if e := l.next("connect_error", "connect"); e.name != "connect_error" || !strings.Contains(string(e.data), "Invalid namespace") {
		t.Fatal(e)
	}
	// One socket on a connection: a second try ends it, and each event still comes once.
	l = o.line(t, nil)
	l.write(`40{"auth_token":"` + o.token + `"}`)
	l.next("gone")
	l, _, err = h.dial(t, dialing{mute: true, header: http.Header{"Authorization": {"Bearer " + o.token}}})
	if err != nil {
		t.Fatal(err)
	}
	l.write("40{}")
	l.write("40{}")
	eventually(t, "end", func() bool { return l.count("gone") == 1 || l.count("connect_error") == 1 })
	if l.count("connected") > 1 {
		t.Error(&l.diary)
	}
}

// The PC2 page may open its socket first and sign in by an event.
func TestLiveLateSignIn(t *testing.T) {
	t.Parallel()
	h := start(t, hasty(func(l *liveTimes) { l.signIn, l.grace = 2*time.Second, 300*time.Millisecond }))
	o := h.owner()
	late := func(d dialing) *line {
		d.query = url.Values{"pc2": {"1"}}
		l, _, err := h.dial(t, d)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	var signedIn []*line
	for _, name := range []string{"authenticate", "auth"} {
		l := late(dialing{})
		l.next("connect")
		l.emit(name, map[string]any{"token": o.token})
		if a := l.next("authenticated").object(t); a["success"] != true || a["wallet_address"] != o.key.address().String() {
			t.Error(a)
		}
		l.next("connected")
		o.post("/mkdir", map[string]any{"path": "~/Documents/" + name}).want(200)
		l.next("item.added")
		signedIn = append(signedIn, l)
	}
	for _, token := range []any{strings.Repeat("0", 64), nil, 7, "x"} {
		l := late(dialing{})
		l.next("connect")
		l.emit("authenticate", map[string]any{"token": token})
		if e := l.next("auth_error").object(t); e["message"] != "Unauthorized" {
			t.Error(e)
		}
		l.next("disconnect")
		l.next("gone") // although this client does not go by itself
	}
	l := late(dialing{})
	l.next("connect")
	o.post("/mkdir", map[string]any{"path": "~/Documents/before"}).want(200)
	l.next("auth_error")
	l.next("gone")
	if strings.Contains(l.String(), "item.") {
		t.Errorf("a stranger heard: %s", &l.diary)
	}
	// A token that is presented and does not hold is refused at once; so is a page that is not PC2's.
	late(dialing{auth: map[string]any{"token": "x"}}).next("connect_error")
	silent, _, err := h.dial(t, dialing{mute: true})
	if err != nil {
		t.Fatal(err)
	}
	silent.next("gone")
	for _, l := range signedIn { // all this took longer than strangers have
		l.emit("ping", nil)
		l.next("pong")
	}
	// Signed in already: the token must be the same user's.
	m := h.member(o, auth.Member)
	l = late(dialing{auth: map[string]any{"token": o.token}})
	l.next("connected")
	l.emit("authenticate", map[string]any{"token": o.token})
	l.next("authenticated")
	l.emit("authenticate", map[string]any{"token": m.token})
	l.next("auth_error")
	l.next("gone")
}

// A session's end reaches its sockets, and no others.
func TestLiveSessionEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, reason string
		end          func(h *home, o *visitor, session string)
	}{
		{"revoked from another", auth.ReasonRevoked, func(h *home, o *visitor, id string) {
			o.post("/auth/revoke-session", map[string]any{"uuid": id}).want(200)
		}},
		{"all others revoked", auth.ReasonRevoked, func(h *home, o *visitor, id string) {
			o.post("/auth/revoke-all-sessions", map[string]any{}).want(200)
		}},
		{"expired", auth.ReasonExpired, func(h *home, o *visitor, id string) {
			event.Publish(h.bus, auth.SessionEnded{SessionID: id, Wallet: o.key.address(), Reason: auth.ReasonExpired})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t, hasty(func(l *liveTimes) { l.grace = 300 * time.Millisecond }))
			o := h.owner()
			stays := o.line(t, nil)
			v := h.visitor()
			v.key = o.key
			v.token = v.login(v.key, nil).want(200).text("token")
			raw := v.line(t, nil)
			pages := []*nodeClient{}
			for _, tr := range []string{"websocket", "polling"} {
				n := h.node(t, map[string]any{"transports": []string{tr}, "auth": map[string]any{"auth_token": v.token}})
				n.next("connected")
				pages = append(pages, n)
			}
			var id string
			for _, s := range o.get("/auth/list-sessions").want(200).list() {
				if s["current"] == false {
					id = s["uuid"].(string)
				}
			}
			c.end(h, o, id)
			for _, n := range pages {
				if r := n.next("reauth_required").object(t)["reason"]; r != c.reason {
					t.Errorf("reason %v", r)
				}
				if r := n.next("disconnect"); string(r.data) != `"io server disconnect"` {
					t.Errorf("disconnected by %s", r.data)
				}
			}
			raw.next("reauth_required")
			raw.next("disconnect")
			raw.next("gone") // although this client does not go by itself
			o.post("/mkdir", map[string]any{"path": "~/Documents/after"}).want(200)
			stays.next("item.added")
			if raw.count("item.added") > 0 || stays.count("reauth_required") > 0 {
				t.Errorf("%s\n%s", &raw.diary, &stays.diary)
			}
			if c.reason == auth.ReasonRevoked {
				l, _, err := h.dial(t, dialing{auth: map[string]any{"auth_token": v.token}})
				if err != nil {
					t.Fatal(err)
				}
				if e := l.next("connect_error").object(t)["data"].(map[string]any); e["code"] != "reauth_required" || e["reason"] != c.reason {
					t.Error(e)
				}
			}
		})
	}
	h := start(t)
	o := h.owner()
	l := o.line(t, nil)
	o.post("/logout", map[string]any{}).want(200)
	l.next("reauth_required")
	l.next("disconnect")
}

// An end that comes between a socket's sign-in and its joining, and one that was
// not heard at all.
func TestLiveSessionEndsMeanwhile(t *testing.T) {
	h := start(t)
	o := h.owner()
	_, session := o.line(t, nil), ""
	h.api.live.post(func(hub *hub) {
		for id := range hub.sessions {
			session = id
		}
		// As run does it, while a socket waits to join.
		hub.end(auth.SessionEnded{SessionID: session, Reason: auth.ReasonRevoked}, time.Now())
	})
	l, _, err := h.dial(t, dialing{auth: map[string]any{"auth_token": o.token}})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.next("connected", "reauth_required"); got.name != "reauth_required" {
		t.Error(&l.diary)
	}
	l.next("disconnect")

	h = start(t)
	o = h.owner()
	l = o.line(t, nil)
	m := h.member(o, auth.Member)
	stays := m.line(t, nil)
	checked := make(chan struct{})
	h.api.live.post(func(hub *hub) { // run sleeps here, so that the queue overflows
		o.post("/auth/revoke-all-sessions", map[string]any{"include_current": true}).want(200)
		for range 2000 {
			event.Publish(h.bus, auth.SessionEnded{SessionID: "another", Reason: auth.ReasonRevoked})
		}
		for len(h.api.live.ends.C()) > 0 { // and none of it is read
			<-h.api.live.ends.C()
		}
		close(checked)
	})
	<-checked
	if r := l.next("reauth_required").object(t)["reason"]; r != auth.ReasonRevoked {
		t.Errorf("reason %v", r)
	}
	m.post("/mkdir", map[string]any{"path": "~/Documents/x"}).want(200)
	stays.next("item.added")
}

// Strangers get a few places, and who is signed in is not kept out by them.
func TestLiveStrangers(t *testing.T) {
	t.Parallel()
	h := start(t, hasty(func(l *liveTimes) { l.signIn, l.queue = 8*time.Second, 200*time.Millisecond }))
	o := h.owner()
	var lines []*line
	for range maxNeighbours {
		l, _, err := h.dial(t, dialing{mute: true})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	_, res, err := h.dial(t, dialing{mute: true})
	if err == nil || res.StatusCode != 429 {
		t.Fatalf("one more was let in: %v", err)
	}
	h.visitor().get("/socket.io/?EIO=4&transport=polling").want(429, "too_many_requests")
	if l, _, err := h.dial(t, dialing{header: http.Header{"Authorization": {"Bearer " + o.token}}}); err != nil {
		t.Fatal(err)
	} else {
		l.next("connected")
	}
	for _, l := range lines {
		l.next("gone")
	}
	eventually(t, "place", func() bool { return len(h.api.live.strangers) == 0 })
	o.line(t, nil)

	// And little to say.
	l, _, err := h.dial(t, dialing{mute: true})
	if err != nil {
		t.Fatal(err)
	}
	l.write("4" + strings.Repeat("x", maxEarly))
	l.next("gone")
	l, _, err = h.dial(t, dialing{mute: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * maxEarly / 16 {
		l.write("40/nowhere12345,")
	}
	l.next("gone")
}

func TestLiveSeats(t *testing.T) {
	h := start(t)
	o := h.owner()
	var first *line
	for i := range maxSockets {
		l := o.line(t, nil)
		if i == 0 {
			first = l
		}
	}
	l, _, err := h.dial(t, dialing{auth: map[string]any{"auth_token": o.token}})
	if err != nil {
		t.Fatal(err)
	}
	if e := l.next("connect_error").object(t); e["message"] == "Unauthorized" || e["data"].(map[string]any)["code"] != "too_many_requests" {
		t.Error(e)
	}
	h.member(o, auth.Member).line(t, nil)
	first.conn.Close()
	eventually(t, "seat", func() bool {
		l, _, err := h.dial(t, dialing{auth: map[string]any{"auth_token": o.token}})
		return err == nil && l.next("connected", "connect_error").name == "connected"
	})
}

// Clients of the older protocol, which have no packet to say who they are.
func TestLiveOlderClients(t *testing.T) {
	h := start(t)
	o := h.owner()
	for name, open := range map[string]func(*testing.T, dialing) (*line, *http.Response, error){"websocket": h.dial, "polling": h.poll} {
		t.Run(name, func(t *testing.T) {
			l, _, err := open(t, dialing{eio3: true, query: url.Values{"auth_token": {o.token}}})
			if err != nil {
				t.Fatal(err)
			}
			l.next("connected")
			uid := o.post("/mkdir", map[string]any{"path": "~/Documents/\u00fc \U0001f600 " + name}).want(200).object()["uid"]
			if e := l.next("item.added").object(t); e["uid"] != uid || e["name"] != "\u00fc \U0001f600 "+name {
				t.Error(e)
			}
			l, _, err = open(t, dialing{eio3: true})
			if err != nil {
				t.Fatal(err)
			}
			if e := l.next("connect_error"); string(e.data) != `"Unauthorized"` {
				t.Errorf("refused with %s", e.data)
			}
		})
	}
}
