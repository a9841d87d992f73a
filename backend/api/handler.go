package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"

	"pc2/backend/auth"
	"pc2/backend/fault"
)

// call is one request on its way through the edge.
type call struct {
	*http.Request
	w      http.ResponseWriter
	s      *Server
	id     string     // X-Request-Id
	in     ingress    // where it came from
	ip     netip.Addr // the visitor's, behind trusted proxies too
	origin string     // the node's own origin, as this visitor spells it
	sent   *patient   // the body; nil without one
	fields fields     // JSON or form body and query
	upload upload     // of a route that takes a file
	leave  []func()   // what to give back when the call is over
	who    auth.Principal
	token  string // the credential that who was made from
}

type handler func(c *call) error

// status is where fault.Kind meets HTTP.
var status = map[fault.Kind]int{
	fault.NotFound: 404, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Denied: 403, fault.Waiting: 408,
	fault.Conflict: 409, fault.Gone: 410, fault.Stale: 412, fault.TooLarge: 413, fault.Range: 416,
	fault.Misdirected: 421, fault.Limited: 429, fault.Unsupported: 501, fault.Upstream: 502,
	fault.Unavailable: 503, fault.Timeout: 504, fault.Full: 507,
}

// serve runs h and answers its error.
func (c *call) serve(h handler) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			c.fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	if err := h(c); err != nil {
		c.fail(err)
	}
}

func (c *call) left() {
	for _, f := range c.leave {
		f()
	}
}

// fail answers err. What the client may not know goes to the log.
func (c *call) fail(err error) {
	if c.Context().Err() != nil && errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the client has left
	}
	var body map[string]any
	code := http.StatusInternalServerError
	if f := fault.As(err); f != nil && status[f.Kind] != 0 {
		code = status[f.Kind]
		body = maps.Clone(f.Fields)
		if body == nil {
			body = map[string]any{}
		}
		body["message"], body["code"] = f.Msg, f.Code
		if body["error"] == nil { // some faults have a short title beside their message
			body["error"] = f.Msg
		}
		if after, ok := body["retry_after"].(int); ok {
			c.w.Header().Set("Retry-After", strconv.Itoa(after))
		}
		if f.Err != nil || code >= 500 {
			c.s.log.Warn("request failed", "request", c.id, "route", c.Pattern, "code", f.Code, "err", f.Err)
		}
	} else {
		body = map[string]any{"error": "Internal server error", "message": "Something went wrong inside this PC2. The log knows more, under this request ID.", "code": "internal_error", "request_id": c.id}
		c.s.log.Error("request failed", "request", c.id, "route", c.Pattern, "err", err)
	}
	if strings.HasPrefix(c.URL.Path, "/api/") {
		body["success"] = false
	}
	h := c.w.Header()
	for _, k := range []string{"Content-Length", "Content-Encoding", "Content-Disposition", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges", "Repr-Digest"} {
		h.Del(k)
	}
	h.Set("Cache-Control", "no-store")
	if c.started() {
		panic(http.ErrAbortHandler) // half an answer is out: cut it, so that nobody takes it for a whole one
	}
	c.json(code, body)
}

// started says whether a part of the answer has left.
func (c *call) started() bool {
	r, ok := c.w.(*recorder)
	return ok && r.status != 0
}

// json answers v with a status.
func (c *call) json(code int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return c.bytes(code, "application/json; charset=utf-8", b)
}

// ok answers 200 with v as JSON.
func (c *call) ok(v any) error { return c.json(http.StatusOK, v) }

// bytes answers a small body that is all there, compressed when that pays.
func (c *call) bytes(code int, mime string, b []byte) error {
	h := c.w.Header()
	h.Set("Content-Type", mime)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	if len(b) >= compressFrom {
		h.Add("Vary", "Accept-Encoding")
		if c.acceptsGzip() {
			return c.gzip(code, func(w writer) error { _, err := w.Write(b); return err })
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(code)
	_, err := c.w.Write(b)
	return gone(err)
}

// gone ends a request whose client has left: nobody is there to be told.
func gone(err error) error {
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// recorder remembers if a status went out.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(code int) {
	if r.status == 0 && code >= 200 {
		r.status = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
