package api

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/event"
	"pc2/backend/files"
)

// hasty shortens the delays that a test would have to wait for.
func hasty(f func(*liveTimes)) func(*Config) {
	return func(c *Config) {
		c.live = usualTimes()
		f(&c.live)
	}
}

// The real client, over each transport, sees every operation as it happened.
func TestLiveOperations(t *testing.T) {
	t.Parallel()
	h := start(t)
	o := h.owner()
	other := h.member(o, auth.Admin).line(t, nil)
	home := "/" + o.key.address().String()
	clients := map[string]*nodeClient{}
	for name, transports := range map[string][]string{"websocket": {"websocket"}, "polling": {"polling"}, "upgrade": {"polling", "websocket"}} {
		n := h.node(t, map[string]any{"transports": transports, "auth": map[string]any{"auth_token": o.token}, "withCredentials": true})
		clients[name] = n
		if id := n.next("connected").object(t)["socketId"]; !strings.Contains(string(n.named("connect")[0].data), id.(string)) {
			t.Fatalf("%s: connected says %v: %s", name, id, n)
		}
	}
	eventually(t, "an upgrade", func() bool { return clients["upgrade"].count("upgrade") == 1 })
	for name, want := range map[string]string{"websocket": `"websocket"`, "polling": `"polling"`, "upgrade": `"websocket"`} {
		clients[name].order(map[string]any{"transport": true})
		if got := clients[name].next("transport"); string(got.data) != want {
			t.Fatalf("%s talks over %s", name, got.data)
		}
	}
	lastID := float64(0)
	// everybody is one event that each client must see next; it returns what they saw.
	everybody := func(name string, want map[string]any) map[string]any {
		t.Helper()
		var all []map[string]any
		for how, c := range clients {
			got := c.next("item.added", "item.updated", "item.removed", "item.moved", "item.renamed", "broken")
			if got.name != name {
				t.Fatalf("%s saw %s %s, want %s", how, got.name, got.data, name)
			}
			all = append(all, got.object(t))
		}
		for _, m := range all[1:] {
			if !reflect.DeepEqual(m, all[0]) {
				t.Fatalf("%s differs: %v and %v", name, all[0], m)
			}
		}
		for k, v := range want {
			if !reflect.DeepEqual(all[0][k], v) {
				t.Fatalf("%s: %s is %v, want %v", name, k, all[0][k], v)
			}
		}
		id, ok := all[0]["event_id"].(float64)
		if !ok || id <= lastID {
			t.Fatalf("%s: event_id %v after %v", name, all[0]["event_id"], lastID)
		}
		lastID = id
		return all[0]
	}
	o.post("/mkdir", map[string]any{"path": "~/Documents/Ordner \u00fc"}).want(200)
	dir := everybody("item.added", map[string]any{"path": home + "/Documents/Ordner \u00fc", "is_dir": true, "from_new_service": true, "original_client_socket_id": nil})
	stat := o.post("/stat", map[string]any{"path": dir["path"]}).want(200).object()
	for k, v := range stat {
		if !reflect.DeepEqual(dir[k], v) {
			t.Errorf("the event has %s %v, stat %v", k, dir[k], v)
		}
	}
	o.write("~/Documents/a.txt&original_client_socket_id=my-tab", []byte("one")).want(200)
	a := everybody("item.added", map[string]any{"name": "a.txt", "size": 3.0, "original_client_socket_id": "my-tab", "is_dir": false})
	o.write("~/Documents/a.txt&overwrite=true", []byte("more")).want(200)
	everybody("item.updated", map[string]any{"uid": a["uid"], "size": 4.0})
	o.post("/rename", map[string]any{"path": "~/Documents/a.txt", "new_name": "b.txt"}).want(200)
	everybody("item.renamed", map[string]any{"uid": a["uid"], "name": "b.txt", "old_path": home + "/Documents/a.txt", "path": home + "/Documents/b.txt"})
	o.post("/move", map[string]any{"source": "~/Documents/b.txt", "destination": "~/Pictures"}).want(200)
	everybody("item.moved", map[string]any{"uid": a["uid"], "old_path": home + "/Documents/b.txt", "path": home + "/Pictures/b.txt"})
	o.post("/copy", map[string]any{"source": "~/Pictures/b.txt", "destination": "~/Videos"}).want(200)
	everybody("item.added", map[string]any{"path": home + "/Videos/b.txt"})
	o.post("/move", map[string]any{"source": "~/Pictures/b.txt", "destination": "~/Videos", "overwrite": true}).want(200)
	gone := everybody("item.removed", map[string]any{"path": home + "/Videos/b.txt", "descendants_only": false})
	if gone["uid"] == a["uid"] || len(gone) != 5 {
		t.Errorf("removed: %v", gone)
	}
	everybody("item.moved", map[string]any{"uid": a["uid"], "path": home + "/Videos/b.txt"})
	o.post("/delete", map[string]any{"paths": []string{"~/Videos/b.txt"}}).want(200)
	everybody("item.removed", map[string]any{"uid": a["uid"]})

	// Once each, and nothing to an admin's own page.
	time.Sleep(2 * usualTimes().coalesce)
	for how, c := range clients {
		n := 0
		for _, name := range itemEvents {
			n += c.count(name)
		}
		if n != 9 || c.count("broken") > 0 {
			t.Errorf("%s saw %d events: %s", how, n, c)
		}
		if c.count("cache.updated") == 0 {
			t.Errorf("%s was told of no change: %s", how, c)
		}
	}
	if len(other.named("cache.updated")) > 0 || strings.Contains(other.String(), "item.") {
		t.Errorf("another user heard: %s", other)
	}
}

// One session's three sockets, and one over each transport: each event once.
func TestLiveOnceEach(t *testing.T) {
	t.Parallel()
	h := start(t)
	o := h.owner()
	all := []*line{o.line(t, nil), o.line(t, nil), o.line(t, nil)}
	const n = 40
	for i := range n {
		o.post("/mkdir", map[string]any{"path": fmt.Sprintf("~/Documents/%d", i), "original_client_socket_id": "me"}).want(200)
	}
	for _, l := range all {
		for i := range n {
			if e := l.next("item.added").object(t); e["name"] != fmt.Sprint(i) || e["original_client_socket_id"] != "me" {
				t.Fatalf("event %d is %v", i, e)
			}
		}
		c := l.next("cache.updated").object(t)
		if last := o.get("/cache/last-change-timestamp").want(200).object()["timestamp"]; c["timestamp"].(float64) > last.(float64) || c["original_client_socket_id"] != "me" {
			t.Errorf("cache.updated %v, last change %v", c, last)
		}
		if l.count("item.added") != n {
			t.Error(l)
		}
	}
}

// Many changes within 250 ms are one cache.updated; who made them is said only
// when it was one page.
func TestLiveCacheUpdated(t *testing.T) {
	t.Parallel()
	h := start(t, hasty(func(l *liveTimes) { l.coalesce = 600 * time.Millisecond }))
	o := h.owner()
	l := o.line(t, nil)
	change := func(origin string, at int64) {
		event.Publish(h.bus, files.Changed{Owner: o.key.address(), Op: files.Updated, Origin: origin, LastChange: at})
	}
	change("tab 1", 7)
	change("tab 1", 9)
	change("tab 1", 8)
	if c := l.next("cache.updated").object(t); c["timestamp"] != 9.0 || c["original_client_socket_id"] != "tab 1" {
		t.Error(c)
	}
	change("tab 1", 10)
	change("tab 2", 11)
	if c := l.next("cache.updated").object(t); c["timestamp"] != 11.0 || c["original_client_socket_id"] != nil {
		t.Error(c)
	}
	if l.count("cache.updated") != 2 || l.count("item.updated") != 5 {
		t.Error(l)
	}
}

func TestLiveClientEvents(t *testing.T) {
	h := start(t, hasty(func(l *liveTimes) { l.beat = 200 * time.Millisecond }))
	o := h.owner()
	a, b := o.line(t, nil), o.line(t, nil)
	stranger := h.member(o, auth.Member).line(t, nil)
	a.emit("ping", nil)
	a.next("pong")
	a.emit("file:subscribe", map[string]any{"path": "/"})
	a.emit("puter_is_actually_open", nil)
	a.emit("trash.is_empty", "yes")
	a.emit("trash.is_empty", map[string]any{"is_empty": 1})
	a.write(`42["trash.is_empty"]`)
	a.emit("trash.is_empty", map[string]any{"is_empty": true})
	if e := b.next("trash.is_empty").object(t); e["is_empty"] != true {
		t.Error(e)
	}
	if ts := a.next("heartbeat").object(t)["timestamp"].(float64); ts < float64(time.Now().Add(-time.Minute).UnixMilli()) {
		t.Errorf("heartbeat %v", ts)
	}
	if a.count("trash.is_empty") != 0 || b.count("trash.is_empty") != 1 || stranger.count("trash.is_empty") != 0 {
		t.Errorf("heard by\n%s\n%s\n%s", &a.diary, &b.diary, &stranger.diary)
	}
	// 60 in a minute; seven are spent.
	for range 100 {
		a.emit("ping", nil)
	}
	b.emit("ping", nil) // another socket has its own
	b.next("pong")
	eventually(t, "answers", func() bool { return a.count("pong") >= maxEvents-6 })
	time.Sleep(100 * time.Millisecond)
	if n := a.count("pong"); n != maxEvents-6 {
		t.Errorf("%d answers, want %d", n, maxEvents-6)
	}
	for range 10 * maxEvents {
		a.emit("ping", nil)
	}
	a.next("gone")
}

// As the node stops: a word, and the end, from which a page comes back by itself.
func TestLiveStops(t *testing.T) {
	h := start(t)
	o := h.owner()
	l := o.line(t, nil)
	n := h.node(t, map[string]any{"transports": []string{"websocket"}, "auth": map[string]any{"auth_token": o.token}})
	p := h.node(t, map[string]any{"transports": []string{"polling"}, "auth": map[string]any{"auth_token": o.token}})
	n.next("connected")
	p.next("connected")
	time.Sleep(300 * time.Millisecond) // it asks again: between two polls nothing can reach it
	h.stop()
	l.next("server.restarting")
	l.next("gone")
	for _, c := range []*nodeClient{n, p} {
		c.next("server.restarting")
		if r := c.next("disconnect"); string(r.data) != `"transport close"` && string(r.data) != `"transport error"` {
			t.Errorf("the client saw %s", r.data)
		}
	}
	if h.api.live.count() != 0 || len(h.api.live.seats) != 0 {
		t.Errorf("left behind: %v %v", h.api.live.peers, h.api.live.seats)
	}
}
