package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"

	"pc2/backend/fault"
)

// call is one request on its way through the edge.
type call struct {
	*http.Request
	w    http.ResponseWriter
	g    *Gateway
	ip   netip.AddrPort // the visitor's
	at   place
	body *patient // nil without a body
	id   string   // see requestID
}

var (
	errMethod = fault.New(fault.Unsupported, "not_supported", "This method is not served here.")
	errNoSuch = fault.New(fault.NotFound, "not_found", "Nothing stands at this address of the super node.")
)

// status is where fault.Kind meets HTTP.
var status = map[fault.Kind]int{
	fault.NotFound: 404, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Denied: 403, fault.Waiting: 408,
	fault.Conflict: 409, fault.Gone: 410, fault.Stale: 412, fault.TooLarge: 413, fault.Range: 416,
	fault.Misdirected: 421, fault.Limited: 429, fault.Unsupported: 501, fault.Upstream: 502,
	fault.Unavailable: 503, fault.Timeout: 504, fault.Full: 507,
}

// scheme is the one that the visitor's address bar shows.
func (c *call) scheme() string {
	if c.TLS != nil {
		return "https"
	}
	return c.g.cfg.Scheme
}

// requestID is the X-Request-Id of our own answers; what a node answers has the node's.
func (c *call) requestID() string {
	if c.id == "" {
		c.id = rand.Text()[:16]
	}
	return c.id
}

const hsts = "max-age=31536000"

// headers are those of the gateway's own answers.
func (c *call) headers() {
	h := c.w.Header()
	h.Set("X-Request-Id", c.requestID())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if c.scheme() == "https" {
		h.Set("Strict-Transport-Security", hsts)
	}
}

// answer runs f and answers its error.
func (c *call) answer(f func() error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			c.fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	if err := f(); err != nil {
		c.fail(err)
	}
}

// fail answers err: a page for people, JSON for programs. What the visitor may
// not know goes to the log.
func (c *call) fail(err error) {
	if c.Context().Err() != nil && errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the visitor has left
	}
	f, code := fault.As(err), http.StatusInternalServerError
	if f == nil || status[f.Kind] == 0 {
		f = fault.New(fault.Unknown, "internal_error", "Something went wrong at this super node. Its log knows more, under this request ID.").With("request_id", c.requestID())
		c.g.log.Error("request failed", "request", c.requestID(), "host", c.at.host, "err", err)
	} else {
		if code = status[f.Kind]; f == errMethod {
			code = http.StatusMethodNotAllowed // no kind of a service's failure
		}
		if code >= 500 {
			c.g.log.Debug("request failed", "request", c.requestID(), "host", c.at.host, "err", err)
		}
	}
	if after, ok := f.Fields["retry_after"].(int); ok {
		c.w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	if c.wantsPage() {
		v := view{Title: title(code), Text: f.Msg}
		if f == errNoSuch {
			v.Front = "/"
		}
		c.page(code, c.g.pages.other, v)
		return
	}
	body := maps.Clone(f.Fields)
	if body == nil {
		body = map[string]any{}
	}
	body["error"], body["message"], body["code"] = f.Msg, f.Msg, f.Code
	if strings.HasPrefix(c.URL.Path, "/api/") {
		body["success"] = false
	}
	c.json(code, body)
}

// json answers v.
func (c *call) json(code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("encode answer: %w", err)) // only our own maps come here
	}
	c.bytes(code, "application/json; charset=utf-8", b)
}

func (c *call) bytes(code int, mime string, b []byte) {
	c.headers()
	h := c.w.Header()
	if c.early() {
		c.body.stop()
		h.Set("Connection", "close")
	}
	h.Set("Content-Type", mime)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(code)
	if _, err := c.w.Write(b); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		panic(http.ErrAbortHandler) // nobody is there to be told
	}
}

// early says whether the answer comes before the end of the body: then nobody
// knows where on this connection another request would begin.
func (c *call) early() bool { return c.body != nil && c.ProtoMajor == 1 && !c.body.over() }

// redirect sends the visitor to another spelling of the address, with its body
// if there is one.
func (c *call) redirect(to string) error {
	code := http.StatusPermanentRedirect
	if c.Method == http.MethodGet || c.Method == http.MethodHead {
		code = http.StatusMovedPermanently
	}
	c.w.Header().Set("Location", to)
	c.bytes(code, "text/plain; charset=utf-8", []byte("See "+to+"\n"))
	return nil
}

// wantsPage says whether a person will look at the answer.
func (c *call) wantsPage() bool {
	if c.Method != http.MethodGet && c.Method != http.MethodHead || strings.HasPrefix(c.URL.Path, "/api/") {
		return false
	}
	for _, accept := range c.Header.Values("Accept") {
		if strings.Contains(strings.ToLower(accept), "text/html") {
			return true
		}
	}
	return false
}
