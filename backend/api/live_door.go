package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"pc2/backend/fault"
)

var (
	errSocketMethod = fault.New(fault.Invalid, "bad_request", "The live events take GET and POST.")
	errScript       = fault.New(fault.Unsupported, "not_supported", "The live events do not come as a script.")
	errStopping     = fault.New(fault.Unavailable, "service_unavailable", "This PC2 is stopping.").With("retry_after", 5)
	errEarly        = errors.New("more bytes than a client may send before it has signed in")
)

// socket answers the requests of Socket.IO.
func (s *Server) socket(c *call) error {
	l, q := s.live, c.fields.query
	switch {
	case c.URL.Path != "/socket.io/":
		return errNoRoute
	case c.Method != http.MethodGet && c.Method != http.MethodPost:
		return errSocketMethod
	case q.Has("j"):
		return errScript // any page can load a script, and read what it says
	}
	p := l.peer(q.Get("sid"))
	if q.Get("sid") == "" {
		var err error
		if p, err = l.knock(c); err != nil {
			return err
		}
		defer p.turnAway()
	}
	r := c.scrubbed(p)
	if websocket.IsWebSocketUpgrade(r) {
		l.engine.ServeHTTP(&hijacker{c.w, l, p}, r)
		return nil
	}
	if p != nil && !p.known.Load() && r.Body != nil {
		r.Body = &early{r.Body, p}
	}
	w := &poll{ResponseWriter: c.w, control: http.NewResponseController(c.w), stall: l.times.stall}
	l.engine.ServeHTTP(w, r)
	w.finish(p)
	return nil
}

func (l *live) peer(sid string) *peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peers[sid]
}

// knock reads who wants to connect. Who shows no session gets one of the places
// for strangers, and waits for one if need be.
func (l *live) knock(c *call) (*peer, error) {
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return nil, errStopping
	}
	token, err := c.socketCredential()
	if err != nil {
		return nil, err
	}
	p := &peer{live: l, ip: c.ip, agent: c.UserAgent(), late: c.fields.query.Get("pc2") == "1", token: token}
	if token != "" {
		if _, err := l.authenticate(p, token); err == nil {
			return p, nil // known.Store comes with the socket: its own packet may name another token
		}
	}
	p.leave, err = l.place(c)
	return p, err
}

// socketCredential is the token that the first request presents: API
// specification §13.2, but for the socket's own packet, which comes later.
func (c *call) socketCredential() (string, error) {
	if h := c.Header.Values("Authorization"); len(h) > 1 {
		return "", errTwoTokens
	} else if len(h) == 1 && h[0] != "" {
		return bearer(h[0]), nil
	}
	for _, name := range queryTokens {
		if t := c.fields.query.Get(name); t != "" {
			return t, nil
		}
	}
	return c.cookie()
}

var queryTokens = []string{"auth_token", "token", "puter.auth.token"}

// place waits for one of the places that strangers have, of which one network
// gets a part.
func (l *live) place(c *call) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(c.Context(), l.times.queue)
	defer cancel()
	out, ok := l.doors.enter(ctx.Done(), bucketKey{"live", network(c.ip)})
	if ok {
		select {
		case l.strangers <- struct{}{}:
			return sync.OnceFunc(func() { <-l.strangers; out() }), nil
		case <-ctx.Done():
			out()
		}
	}
	if err := c.Context().Err(); err != nil {
		return nil, err
	}
	return nil, errCrowded
}

// turnAway ends a first request that became no connection.
func (p *peer) turnAway() {
	if p.conn == nil && p.leave != nil {
		p.leave()
	}
}

// scrubbed is the request for the library, which keeps it: without secrets, and
// without the Origin, which is judged here and not there.
func (c *call) scrubbed(p *peer) *http.Request {
	ctx := c.Context()
	if p != nil {
		ctx = context.WithValue(ctx, peerKey{}, p)
	}
	r := c.Request.Clone(ctx)
	for _, h := range []string{"Origin", "Cookie", "Authorization", "X-Api-Key"} {
		r.Header.Del(h)
	}
	q := r.URL.Query()
	for _, name := range queryTokens {
		q.Del(name)
	}
	r.URL.RawQuery = q.Encode()
	r.RequestURI = r.URL.RequestURI()
	return r
}

// hijacker lets the library take the connection over, as a wire.
type hijacker struct {
	http.ResponseWriter
	l *live
	p *peer
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, b, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return &wire{Conn: conn, p: h.p, stall: h.l.times.stall}, b, nil
}

// wire is the connection under a WebSocket. A write that does not get on fails,
// and a stranger cannot send much.
type wire struct {
	net.Conn
	p     *peer
	stall time.Duration
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if w.p != nil && w.p.spend(n) {
		return 0, errEarly
	}
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(w.stall)); err != nil {
		return 0, err
	}
	return w.Conn.Write(b)
}

// Close does not wait: TLS would first try to say goodbye to who does not listen.
func (w *wire) Close() error {
	_ = w.SetWriteDeadline(time.Now()) // an error: it is closed already
	return w.Conn.Close()
}

// spend counts bytes from a client; true when it has sent too many for a stranger.
func (p *peer) spend(n int) bool {
	return !p.known.Load() && p.early.Add(int64(n)) > maxEarly
}

// early is the body of a stranger.
type early struct {
	io.ReadCloser
	p *peer
}

func (e *early) Read(b []byte) (int, error) {
	n, err := e.ReadCloser.Read(b)
	if e.p.spend(n) {
		return 0, errEarly
	}
	return n, err
}

// poll is the answer to a polling request. It may come late, but once it is on its
// way it must get on.
type poll struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	begun   bool
	failed  bool
}

func (p *poll) WriteHeader(code int) {
	p.begun = true
	// Where deadlines are unknown (a test's recorder), nothing stalls either.
	_ = p.control.SetWriteDeadline(time.Now().Add(p.stall))
	p.ResponseWriter.WriteHeader(code)
}

func (p *poll) Write(b []byte) (int, error) {
	n, err := p.ResponseWriter.Write(b)
	p.failed = p.failed || err != nil
	return n, err
}

// finish sends the rest while the deadline holds; the connection's next request
// has its own. An answer that did not arrive ends the peer: the library takes it
// for sent, and its events would be missing.
func (p *poll) finish(of *peer) {
	if p.begun && !p.failed {
		err := p.control.Flush()
		p.failed = err != nil && !errors.Is(err, http.ErrNotSupported)
	}
	if !p.failed {
		_ = p.control.SetWriteDeadline(time.Time{})
	} else if of != nil && of.conn != nil {
		of.kill()
	}
}
