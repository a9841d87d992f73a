package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"pc2/backend/fault"
	"pc2/backend/names"
)

var (
	errSilent = fault.New(fault.Timeout, "upstream_timeout", "This PC does not answer.")
	errBroken = fault.New(fault.Upstream, "upstream_error", "The connection to this PC broke before it answered.")
	errStall  = fault.New(fault.Waiting, "request_timeout", "The body of the request did not go on.")
)

// visit serves a request to a node's host.
func (c *call) visit() error {
	rec, err := c.g.records.lookup(c.Context(), c.at.name)
	if fault.KindOf(err) == fault.NotFound {
		return c.unknown()
	}
	if err != nil {
		return err
	}
	via := c.g.roads.Via(rec)
	own := c.URL.Path == "/status" && (c.Method == http.MethodGet || c.Method == http.MethodHead)
	if via == "" || own {
		if err := c.g.limits.take(c, "offline", ""); err != nil {
			return err
		}
	}
	switch {
	case own:
		return c.status(rec, via)
	case via == "":
		return c.offline(rec, http.StatusBadGateway, ErrOffline)
	}
	who := network(c.ip.Addr())
	if err := c.g.places.enter(who); err != nil {
		return err
	}
	defer c.g.places.leave(who)
	if single(c.Request) {
		w := whose{rec.Device, who}
		if err := c.g.alone.enter(w); err != nil {
			return err
		}
		defer c.g.alone.leave(w)
	}
	c.forward(rec)
	return nil
}

// trip is a request on its way to a node. The request's context carries it.
type trip struct {
	c   *call
	rec names.Record
}

type tripKey struct{}

func tripOf(ctx context.Context) *trip {
	t, _ := ctx.Value(tripKey{}).(*trip)
	return t
}

func (c *call) forward(rec names.Record) {
	c.g.flying.Add(1)
	defer c.g.flying.Done()
	t := &trip{c: c, rec: rec}
	r := c.Request.WithContext(context.WithValue(c.Context(), tripKey{}, t))
	control := http.NewResponseController(c.w)
	// Else net/http reads the body to its end before it sends the answer: a node
	// that refuses an upload would be heard when the upload is over.
	_ = control.EnableFullDuplex() // HTTP/2 does anyway
	c.g.proxy.ServeHTTP(newSteady(c.w, control, c.g.cfg.patience, r.ProtoMajor > 1, c.g.standing), r)
}

// flushHead is how long the head of an answer waits for the first bytes of a body
// to travel with.
const flushHead = 5 * time.Millisecond

func (g *Gateway) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        rewrite,
		ModifyResponse: homeward,
		ErrorHandler:   func(_ http.ResponseWriter, r *http.Request, err error) { tripOf(r.Context()).failed(err) },
		Transport:      g.nodes,
		FlushInterval:  flushHead, // for a head whose body is not here yet; see steady.Write
		BufferPool:     &buffers{},
		ErrorLog:       slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
}

// rewrite makes the request that the node gets. ReverseProxy has removed
// hop-by-hop headers already, so none of ours can be named in Connection.
func rewrite(p *httputil.ProxyRequest) {
	t := tripOf(p.In.Context())
	out := p.Out
	out.URL.Scheme, out.URL.Host = "http", t.rec.Node.String()
	out.URL.RawQuery = p.In.URL.RawQuery // as it is: what it means is the node's to say
	out.Host = t.c.at.host
	for k := range out.Header {
		if tellsOrigin(k) {
			delete(out.Header, k)
		}
	}
	out.Header["X-Forwarded-For"] = []string{t.c.ip.Addr().String()}
	out.Header["X-Forwarded-Host"] = []string{t.c.at.host}
	out.Header["X-Forwarded-Proto"] = []string{t.c.scheme()}
	if u := out.Header.Get("Upgrade"); u != "" && !strings.EqualFold(u, "websocket") {
		out.Header.Del("Upgrade") // h2c, for one, would be a tunnel past all of this
		out.Header.Del("Connection")
	}
	if len(p.In.Trailer) > 0 && out.Body != nil {
		out.Body = &trailing{ReadCloser: out.Body, from: p.In.Trailer, to: out.Trailer}
	}
}

// tellsOrigin says whether a header claims where a request comes from. Some
// servers read "_" as "-".
func tellsOrigin(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	if strings.HasPrefix(name, "x-forwarded") || strings.HasPrefix(name, "x-original-") || strings.HasPrefix(name, "x-rewrite-") {
		return true
	}
	switch name {
	case "forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip", "fastly-client-ip", "x-host":
		return true
	}
	return false
}

// homeward changes what the node answers for the visitor.
func homeward(res *http.Response) error {
	t := tripOf(res.Request.Context())
	if res.StatusCode == http.StatusSwitchingProtocols {
		passAll(t.c.Context()) // from here on the visitor speaks no HTTP
	}
	if t.c.early() {
		res.Header.Set("Connection", "close")
	}
	ownCookies(res.Header)
	res.Header.Del("Alt-Svc") // another way to this name would go past the gateway
	if t.c.scheme() == "https" {
		res.Header.Set("Strict-Transport-Security", hsts)
	}
	return nil
}

// ownCookies takes Domain out of Set-Cookie: a node sets cookies for itself, not
// for its neighbours under the same domain.
func ownCookies(h http.Header) {
	for i, cookie := range h["Set-Cookie"] {
		parts := strings.Split(cookie, ";")
		kept := parts[:1]
		for _, p := range parts[1:] {
			name, _, _ := strings.Cut(p, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "domain") {
				kept = append(kept, p)
			}
		}
		h["Set-Cookie"][i] = strings.Join(kept, ";")
	}
}

// failed answers a request that got no answer.
func (t *trip) failed(err error) {
	c := t.c
	if c.body != nil {
		switch cause := c.body.cause(c.Context().Err() != nil); {
		case cause == nil:
		case timedOut(cause):
			c.fail(errStall)
			return
		default:
			panic(http.ErrAbortHandler) // the visitor has left in the middle
		}
	}
	if c.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	switch {
	case errors.Is(err, ErrOffline):
		err = t.gone(http.StatusBadGateway, ErrOffline.Because(err))
	case timedOut(err):
		err = t.gone(http.StatusGatewayTimeout, errSilent.Because(err))
	default:
		err = errBroken.Because(err)
	}
	if err != nil {
		c.fail(err)
	}
}

// gone answers for a node that was there a moment ago.
func (t *trip) gone(code int, why error) error {
	if err := t.c.g.limits.take(t.c, "offline", ""); err != nil {
		return err
	}
	return t.c.offline(t.rec, code, why)
}

func timedOut(err error) bool {
	var late net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout()
}

// buffers are what bodies of answers are copied through.
type buffers struct{ pool sync.Pool }

const copySize = 64 << 10

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[copySize]byte); ok {
		return p[:]
	}
	return make([]byte, copySize)
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[copySize]byte)(p)) }
