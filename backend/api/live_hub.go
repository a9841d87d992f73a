package api

import (
	"cmp"
	"slices"
	"time"

	"pc2/backend/auth"
	"pc2/backend/event"
	"pc2/backend/files"
	"pc2/backend/wallet"
)

// hub is who is there and what they were told. It belongs to one goroutine.
type hub struct {
	times    liveTimes
	bus      *event.Bus
	changes  *event.Sub[files.Changed]     // nil while nobody is there to be told
	base     uint64                        // event ids of this start are above it
	rooms    map[wallet.Address]*room      // one for each user
	sessions map[string]map[*peer]struct{} // by session id
	gone     []ended                       // of late, for who signed in just before
	stale    []*room                       // that owe their sockets a cache.updated, the soonest first
}

type ended struct {
	auth.SessionEnded
	at time.Time
}

// room is a user's open pages.
type room struct {
	peers map[*peer]struct{}
	left  time.Time // when the last of them went

	// Event ids count up in a room, so that they tell nothing of others. They start
	// at the time, in microseconds, that the node started: after a restart they are
	// higher than any that went out before, and still exact as a JavaScript number.
	last   uint64
	floor  uint64 // what came after it is in recent
	recent []told

	// The cache.updated that is due: zero, or when.
	due     time.Time
	changed int64  // ms
	origin  string // of all that changed since, or "" when they differ
}

// told is an event that went out.
type told struct {
	id uint64
	at time.Time
	frame
}

func newHub(b *event.Bus, startedMs uint64, t liveTimes) *hub {
	return &hub{times: t, bus: b, base: startedMs * 1000, rooms: map[wallet.Address]*room{}, sessions: map[string]map[*peer]struct{}{}}
}

func (h *hub) room(w wallet.Address) *room {
	r := h.rooms[w]
	if r == nil {
		r = &room{peers: map[*peer]struct{}{}, last: h.base, floor: h.base}
		h.rooms[w] = r
	}
	return r
}

// listen begins to hear of changes, for the first page that comes. Each change
// wakes the hub's goroutine, which a file that is written while nobody looks would
// have to wait for. What happened before is known to nobody here.
func (h *hub) listen() {
	if h.changes != nil {
		return
	}
	h.changes = event.Subscribe[files.Changed](h.bus, 4096) // takes a batch of commits
	for _, r := range h.rooms {
		r.unknown()
	}
}

// rest ends that once everybody has been gone for so long that nobody could ask
// what they missed.
func (h *hub) rest(now time.Time) {
	for _, r := range h.rooms {
		if !r.over(now.Add(-h.times.remember)) {
			return
		}
	}
	h.deaf()
}

func (h *hub) deaf() {
	if h.changes != nil {
		h.changes.Close()
		h.changes = nil
	}
}

func (h *hub) heard() <-chan files.Changed {
	if h.changes == nil {
		return nil
	}
	return h.changes.C()
}

// missed is how many changes came faster than they were heard.
func (h *hub) missed() int64 {
	if h.changes == nil {
		return 0
	}
	return h.changes.Lost()
}

// over says whether the last page left before that time, or none was ever here.
func (r *room) over(before time.Time) bool { return len(r.peers) == 0 && r.left.Before(before) }

// unknown leaves a mark for changes that cannot be told one by one: an id that
// nobody has, so that no older one counts as complete.
func (r *room) unknown() {
	r.last++
	r.recent, r.floor = nil, r.last
}

// changed tells the owner's pages of a change.
func (h *hub) changed(c files.Changed, now time.Time) {
	if itemEvents[c.Op] == "" {
		return
	}
	r := h.room(c.Owner)
	if r.over(now.Add(-h.times.remember)) {
		r.unknown()
		return
	}
	r.last++
	f := itemFrame(c, r.last)
	r.recent = append(r.recent, told{r.last, now, f})
	r.forget(now.Add(-h.times.remember))
	r.send(f)
	h.mark(r, c.LastChange, c.Origin, now)
}

func (r *room) send(f frame) {
	for p := range r.peers {
		p.send(f)
	}
}

// forget drops events that are too old or too many.
func (r *room) forget(before time.Time) {
	n := max(0, len(r.recent)-maxRecent)
	for n < len(r.recent) && r.recent[n].at.Before(before) {
		n++
	}
	if n > 0 {
		r.floor = r.recent[n-1].id
		r.recent = slices.Delete(r.recent, 0, n)
	}
}

// after is what was told after event id. ok is false if that is not known in full.
func (r *room) after(id uint64) (missed []told, ok bool) {
	if id < r.floor || id > r.last {
		return nil, false
	}
	i, _ := slices.BinarySearchFunc(r.recent, id+1, func(t told, id uint64) int { return cmp.Compare(t.id, id) })
	return r.recent[i:], true
}

// mark has a cache.updated go out soon.
func (h *hub) mark(r *room, ms int64, origin string, now time.Time) {
	if r.due.IsZero() {
		r.due, r.origin = now.Add(h.times.coalesce), origin
		h.stale = append(h.stale, r)
	} else if r.origin != origin {
		r.origin = "" // a page must not take others' changes for its own
	}
	r.changed = max(r.changed, ms)
}

// due is when the next cache.updated is.
func (h *hub) due() time.Time {
	if len(h.stale) == 0 {
		return time.Time{}
	}
	return h.stale[0].due
}

// tell sends each cache.updated that is due.
func (h *hub) tell(now time.Time) {
	for len(h.stale) > 0 && !h.stale[0].due.After(now) {
		r := h.stale[0]
		h.stale = slices.Delete(h.stale, 0, 1)
		r.due = time.Time{}
		r.send(cacheFrame(r.changed, r.origin))
	}
}

// lost makes every page read again: some changes could not be told, and nobody
// knows whose they were.
func (h *hub) lost(now time.Time) {
	for _, r := range h.rooms {
		r.unknown()
		h.mark(r, now.UnixMilli(), "", now)
		r.origin = ""
	}
}

// join adds a signed-in socket to its rooms. lastEvent is the event that the page
// knows: nil for a page that knows none.
func (h *hub) join(p *peer, lastEvent *uint64, now time.Time) {
	if p.isGone() {
		return // it left first
	}
	id := p.who.Session.ID
	if i := slices.IndexFunc(h.gone, func(e ended) bool { return e.SessionID == id }); i >= 0 {
		p.end(h.gone[i].Reason)
		return
	}
	h.listen()
	r := h.room(p.who.User.Wallet)
	r.forget(now.Add(-h.times.remember))
	r.peers[p] = struct{}{}
	if h.sessions[id] == nil {
		h.sessions[id] = map[*peer]struct{}{}
	}
	h.sessions[id][p] = struct{}{}
	p.send(say("connected", map[string]any{"socketId": p.socketID(), "last_event_id": r.last}))
	if lastEvent == nil {
		return
	}
	missed, ok := r.after(*lastEvent)
	if !ok {
		p.send(cacheFrame(max(r.changed, now.UnixMilli()), ""))
		return
	}
	for _, t := range missed {
		p.send(t.frame)
	}
}

// leave takes a socket out of its rooms.
func (h *hub) leave(p *peer, now time.Time) {
	id := p.who.Session.ID
	if _, here := h.sessions[id][p]; !here {
		return
	}
	delete(h.sessions[id], p)
	if len(h.sessions[id]) == 0 {
		delete(h.sessions, id)
	}
	r := h.room(p.who.User.Wallet)
	delete(r.peers, p)
	if len(r.peers) == 0 {
		r.left = now
	}
}

// end ends the sockets of a session, and remembers it for a while: one of its
// sockets may have been let in and not have joined yet.
func (h *hub) end(e auth.SessionEnded, now time.Time) {
	h.gone = slices.DeleteFunc(h.gone, func(e ended) bool { return now.Sub(e.at) > time.Minute })
	h.gone = append(h.gone, ended{e, now})
	for p := range h.sessions[e.SessionID] {
		h.leave(p, now)
		p.end(e.Reason)
	}
}

// ask puts the question of a further browser to the session that made its code.
func (h *hub) ask(r auth.PairRequested) {
	for p := range h.sessions[r.SessionID] {
		p.send(say("pair.requested", map[string]any{
			"request_id": r.RequestID, "device_name": r.DeviceName, "ip": r.IP, "user_agent": r.UserAgent,
			"choices": r.Choices, "expires_in": seconds(r.ExpiresAt),
		}))
	}
}

// everybody sends to every page that is signed in.
func (h *hub) everybody(f frame) {
	for _, r := range h.rooms {
		r.send(f)
	}
}

// others sends to the user's other sockets.
func (h *hub) others(p *peer, f frame) {
	for o := range h.room(p.who.User.Wallet).peers {
		if o != p {
			o.send(f)
		}
	}
}

func (h *hub) heartbeat(now time.Time) {
	f := say("heartbeat", map[string]any{"timestamp": now.UnixMilli()})
	for _, r := range h.rooms {
		r.forget(now.Add(-h.times.remember))
		r.send(f)
	}
}

// farewell says that the node stops, and waits until that is written or a moment
// has passed. A page tries to come back by itself.
func (h *hub) farewell(wait time.Duration) {
	f := say("server.restarting", map[string]any{"reason": "shutdown", "eta_s": 0})
	n := 0
	for _, r := range h.rooms {
		n += len(r.peers)
	}
	written := make(chan struct{}, n)
	for _, r := range h.rooms {
		for p := range r.peers {
			p.sendThen(f, func() { written <- struct{}{} })
		}
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	for range n {
		select {
		case <-written:
		case <-late.C:
			return
		}
	}
}
