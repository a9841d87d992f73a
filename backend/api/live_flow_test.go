package api

import (
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/event"
	"pc2/backend/files"
)

// A page that was away gets what it missed: in order, no gap, nothing twice.
func TestLiveMissed(t *testing.T) {
	t.Parallel()
	h := start(t)
	o := h.owner()
	n := h.node(t, map[string]any{"transports": []string{"polling", "websocket"}, "auth": map[string]any{"auth_token": o.token}, "reconnection": false})
	base := n.next("connected").object(t)["last_event_id"].(float64)
	made := 0
	mkdir := func(count int) {
		for range count {
			made++
			o.post("/mkdir", map[string]any{"path": fmt.Sprintf("~/Documents/%03d", made)}).want(200)
		}
	}
	last := base
	seen := func(from, to int) {
		t.Helper()
		for i := from; i <= to; i++ {
			e := n.next("item.added").object(t)
			if e["name"] != fmt.Sprintf("%03d", i) || e["event_id"].(float64) <= last {
				t.Fatalf("event %d is %v (%v after %v)", i, e["name"], e["event_id"], last)
			}
			last = e["event_id"].(float64)
		}
	}
	mkdir(2)
	seen(1, 2)
	for range 3 {
		n.order(map[string]any{"cut": true})
		n.next("disconnect")
		from := made + 1
		mkdir(7)
		n.order(map[string]any{"auth": map[string]any{"auth_token": o.token, "last_event_id": last}, "connect": true})
		mkdir(7) // some of these while it comes back
		n.next("connected")
		seen(from, made)
	}
	time.Sleep(2 * usualTimes().coalesce)
	if got := n.count("item.added"); got != made {
		t.Errorf("%d events for %d changes: %s", got, made, n)
	}

	again := func(id any) *line { return o.line(t, map[string]any{"last_event_id": id}) }
	// Nothing missed, by number and by text: nothing comes.
	for _, id := range []any{last, fmt.Sprintf("%.0f", last)} {
		l := again(id)
		l.emit("ping", nil)
		l.next("pong")
		if l.count("item.added") > 0 || l.count("cache.updated") > 0 {
			t.Errorf("after %v: %s", id, &l.diary)
		}
	}
	// Everything since the start is still known.
	all := again(base)
	for i := 1; i <= made; i++ {
		if e := all.next("item.added", "cache.updated").object(t); e["name"] != fmt.Sprintf("%03d", i) {
			t.Fatalf("event %d is %v", i, e)
		}
	}
	// What nobody knows, or not in full: read again.
	for _, id := range []any{base - 1, last + 1, 0, -5, 1.5, "yesterday", true, map[string]any{}} {
		l := again(id)
		if e := l.next("cache.updated", "item.added"); e.name != "cache.updated" || e.object(t)["timestamp"].(float64) < float64(time.Now().Add(-time.Minute).UnixMilli()) {
			t.Errorf("after %v: %s", id, &l.diary)
		}
	}
	for range maxRecent + 1 - made {
		mkdir(1)
	}
	again(base).next("cache.updated") // the first is one too many
	l := again(base + 1)
	for range maxRecent {
		l.next("item.added")
	}
}

// After a restart the ids of before are unknown, and the new ones are higher.
func TestLiveRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := startIn(t, dir)
	o := h.owner()
	l := o.line(t, nil)
	o.post("/mkdir", map[string]any{"path": "~/Documents/a"}).want(200)
	id := l.next("item.added").object(t)["event_id"].(float64)
	h.stop()
	h = startIn(t, dir)
	again := h.visitor()
	again.key, again.token = o.key, o.token
	l = again.line(t, map[string]any{"last_event_id": id})
	l.next("cache.updated")
	again.post("/mkdir", map[string]any{"path": "~/Documents/b"}).want(200)
	if next := l.next("item.added").object(t)["event_id"].(float64); next <= id || next != float64(int64(next)) || next > 1<<53 {
		t.Errorf("event id %f after %f", next, id)
	}
}

// Changes that could not be queued: every page reads again.
func TestLiveLost(t *testing.T) {
	h := start(t)
	o := h.owner()
	l := o.line(t, nil)
	member := h.member(o, auth.Member).line(t, nil)
	resume := make(chan struct{})
	queue := make(chan int, 1)
	h.api.live.post(func(h *hub) { queue <- cap(h.heard()); <-resume })
	for range <-queue + 10 {
		event.Publish(h.bus, files.Changed{Owner: o.key.address(), Op: files.Updated, Origin: "tab"})
	}
	before := l.count("cache.updated")
	close(resume)
	if e := member.next("cache.updated").object(t); e["original_client_socket_id"] != nil {
		t.Error(e)
	}
	eventually(t, "cache.updated", func() bool { return l.count("cache.updated") > before })
	// Of what was told before, nothing counts as complete.
	first := l.next("item.updated").object(t)["event_id"]
	o.line(t, map[string]any{"last_event_id": first}).next("cache.updated")
}

// While nobody has been there for long, changes wake nobody; who comes back then
// reads again, and hears what follows.
func TestLiveNobody(t *testing.T) {
	t.Parallel()
	h := start(t, hasty(func(l *liveTimes) { l.beat, l.remember = 20*time.Millisecond, 20*time.Millisecond }))
	o := h.owner()
	listens := func() bool {
		heard := make(chan bool)
		h.api.live.post(func(h *hub) { heard <- h.heard() != nil })
		return <-heard
	}
	if listens() {
		t.Error("it listens for nobody")
	}
	for _, name := range []string{"a", "b"} {
		l := o.line(t, nil)
		o.post("/mkdir", map[string]any{"path": "~/Documents/" + name}).want(200)
		id := l.next("item.added").object(t)["event_id"]
		if !listens() {
			t.Error("it listens no more")
		}
		l.conn.Close()
		eventually(t, "rest", func() bool { return !listens() })
		o.post("/mkdir", map[string]any{"path": "~/Documents/unheard " + name}).want(200)
		l = o.line(t, map[string]any{"last_event_id": id})
		if e := l.next("cache.updated", "item.added"); e.name != "cache.updated" {
			t.Error(&l.diary)
		}
		o.post("/mkdir", map[string]any{"path": "~/Documents/heard " + name}).want(200)
		if got := l.next("item.added").object(t)["name"]; got != "heard "+name {
			t.Error(got)
		}
		l.conn.Close()
	}
}

// 5000 changes, while one page does not read: the others get all, in order, and
// soon; the one is closed, and memory stays small.
func TestLiveFlood(t *testing.T) {
	h := start(t)
	o := h.owner()
	const n = 5000
	lines := []*line{o.line(t, nil), o.line(t, nil), o.line(t, nil)}
	polls, _, err := h.poll(t, dialing{auth: map[string]any{"auth_token": o.token}})
	if err != nil {
		t.Fatal(err)
	}
	polls.next("connected")
	lines = append(lines, polls)
	stalled, _, err := h.dial(t, dialing{auth: map[string]any{"auth_token": o.token}, deaf: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := stalled.conn.NetConn().(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	eventually(t, "fifth page", func() bool { return h.api.live.count() == 5 })
	e, err := h.files.Stat(t.Context(), files.Actor{Wallet: o.key.address()}, files.At(mustPath(t, o, "~/Documents")), files.StatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	meta := strings.Repeat("m", 3000) // so that no socket buffer holds it all
	e.Metadata = &meta
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	for i := range n {
		e.Rev = int64(i)
		e.Name = fmt.Sprint(i)
		event.Publish(h.bus, files.Changed{Owner: o.key.address(), Op: files.Updated, Entry: e, LastChange: int64(i)})
		if i%100 == 0 { // not faster than the pages that read, whatever else this machine does
			eventually(t, "progress", func() bool {
				return !slices.ContainsFunc(lines, func(l *line) bool { return l.length() < i-600 })
			})
		}
	}
	for _, l := range lines {
		for i := range n {
			if got := l.next("item.updated", "gone").object(t); got["name"] != fmt.Sprint(i) {
				t.Fatalf("event %d is %v", i, got["name"])
			}
		}
	}
	t.Logf("%d changes to %d pages in %v", n, len(lines), time.Since(began))
	eventually(t, "end of the page that does not read", func() bool { return h.api.live.count() == 4 })
	for _, l := range lines {
		l.all = nil
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 12<<20 {
		t.Errorf("%d KiB stay in use", grown>>10)
	}
	if q := h.api.live.queued.Load(); q != 0 {
		t.Errorf("%d packets are queued for ever", q)
	}
	if !strings.Contains(h.logs.String(), "does not read its events") {
		t.Error("it was not its queue that ended it")
	}
}

func mustPath(t *testing.T, v *visitor, s string) files.Path {
	t.Helper()
	p, err := files.ParsePath(v.key.address(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A client that stops in the middle of an answer is given up, whatever the
// transport, and nobody waits for it.
func TestLiveStall(t *testing.T) {
	t.Parallel()
	h := start(t, hasty(func(l *liveTimes) { l.stall = 2 * time.Second }))
	o := h.owner()
	reads := o.line(t, nil)
	// A poll over a socket that nobody reads.
	v := h.visitor()
	a := v.get("/socket.io/?EIO=4&transport=polling").want(200)
	var open struct{ Sid string }
	if err := json.Unmarshal(a.body[1:], &open); err != nil {
		t.Fatal(err)
	}
	path := "/socket.io/?EIO=4&transport=polling&sid=" + open.Sid
	v.do("POST", path, strings.NewReader(`40{"auth_token":"`+o.token+`"}`)).want(200)
	time.Sleep(100 * time.Millisecond)
	v.get(path).want(200) // connected
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	meta := strings.Repeat("m", 60<<10)
	e, err := h.files.Stat(t.Context(), files.Actor{Wallet: o.key.address()}, files.At(mustPath(t, o, "~/Documents")), files.StatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e.Metadata = &meta
	const n = 100 // 6 MB: more than the kernel takes
	for range n {
		event.Publish(h.bus, files.Changed{Owner: o.key.address(), Op: files.Updated, Entry: e})
		reads.next("item.updated")
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, strings.TrimPrefix(h.url, "http://"))
	eventually(t, "end of the stalled poll", func() bool { return h.api.live.count() == 1 })

	deaf, _, err := h.dial(t, dialing{auth: map[string]any{"auth_token": o.token}, deaf: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := deaf.conn.NetConn().(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	eventually(t, "second page", func() bool { return h.api.live.count() == 2 })
	for range n {
		event.Publish(h.bus, files.Changed{Owner: o.key.address(), Op: files.Updated, Entry: e})
		reads.next("item.updated")
	}
	eventually(t, "end of the stalled socket", func() bool { return h.api.live.count() == 1 })
}

// Nothing stays behind of those who have gone.
func TestLiveLeavesNothing(t *testing.T) {
	h := start(t)
	o := h.owner()
	o.line(t, nil)
	settle := func() int {
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
		return runtime.NumGoroutine()
	}
	open := func(i int) {
		switch i % 4 {
		case 0, 1: // comes, and goes in good order or not
			l := o.line(t, nil)
			if i%4 == 1 {
				l.write("41")
			}
			l.conn.Close()
		case 2: // is refused
			l, _, err := h.dial(t, dialing{})
			if err != nil {
				t.Fatal(err)
			}
			l.next("connect_error")
			l.conn.Close()
		case 3: // never says who it is
			l, _, err := h.dial(t, dialing{mute: true})
			if err != nil {
				t.Fatal(err)
			}
			l.conn.Close()
		}
	}
	for i := range 8 {
		open(i)
	}
	eventually(t, "end", func() bool { return h.api.live.count() == 1 })
	before := settle()
	for i := range 200 {
		open(i)
	}
	l := h.api.live
	eventually(t, "end of all", func() bool { return l.count() == 1 && settle() <= before+2 })
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.seats) != 1 || l.seats[o.key.address()] != 1 || len(l.strangers) != 0 || l.queued.Load() != 0 || l.io.Sockets().Sockets().Len() != 1 || l.engine.ClientsCount() != 1 {
		t.Errorf("seats %v, strangers %d, queued %d, sockets %d, clients %d", l.seats, len(l.strangers), l.queued.Load(), l.io.Sockets().Sockets().Len(), l.engine.ClientsCount())
	}
	l.doors.mu.Lock()
	defer l.doors.mu.Unlock()
	if len(l.doors.open) != 0 {
		t.Errorf("doors %v", l.doors.open)
	}
}

// The connection is kept up by pings, and who does not answer them is given up.
func TestLivePings(t *testing.T) {
	t.Parallel()
	h := start(t, hasty(func(l *liveTimes) { l.ping, l.pong = 300*time.Millisecond, 3*time.Second }))
	o := h.owner()
	var pages []*nodeClient
	for _, transport := range []string{"websocket", "polling"} {
		n := h.node(t, map[string]any{"transports": []string{transport}, "auth": map[string]any{"auth_token": o.token}})
		n.next("connected")
		pages = append(pages, n)
	}
	deaf, _, err := h.dial(t, dialing{auth: map[string]any{"auth_token": o.token}, deaf: true})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "third page", func() bool { return h.api.live.count() == 3 })
	eventually(t, "end of the deaf page", func() bool { return h.api.live.count() == 2 })
	deaf.conn.Close()
	time.Sleep(time.Second)
	o.post("/mkdir", map[string]any{"path": "~/Documents/x"}).want(200)
	for _, n := range pages {
		n.next("item.added")
		if n.count("disconnect") > 0 {
			t.Error(n)
		}
	}
}
