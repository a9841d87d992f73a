package api

import (
	"net/http"
	"slices"
	"strings"

	"pc2/backend/fault"
)

const (
	exposed = "Content-Range, Accept-Ranges, Content-Length, Content-Disposition, ETag, Last-Modified, Repr-Digest, X-IPFS-CID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
	methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
	headers = "Origin, X-Requested-With, Content-Type, Accept, Authorization, Range, Cache-Control, Pragma, If-Match, If-None-Match, If-Range, Repr-Digest, Want-Repr-Digest, X-API-Key"
)

var errForeignPage = fault.New(fault.Denied, "forbidden", "Only this PC2's own page may do that.")

// ownPage says whether the request comes from the node's own page, from an
// origin that the owner allows, or from no page at all.
func (c *call) ownPage() bool {
	if o := c.Header.Values("Origin"); len(o) > 0 && (len(o) > 1 || !c.ownOrigin(o[0])) {
		return false
	}
	for _, site := range c.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return len(c.Header.Values("Origin")) == 1 && c.allowedOrigin(c.Header.Get("Origin"))
		}
	}
	return true
}

func (c *call) ownOrigin(o string) bool { return o == c.origin || c.allowedOrigin(o) }

func (c *call) allowedOrigin(o string) bool {
	return slices.Contains(c.s.cfg.AllowedOrigins, strings.ToLower(o))
}

// cors writes what lets a page of another origin read the answer. Its origin is
// echoed, which is safe only because cookies do not count for it (credential.go).
func (c *call) cors() {
	o := c.Header.Get("Origin")
	h := c.w.Header()
	h.Add("Vary", "Origin")
	if o == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", o)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", exposed)
}

// preflight answers OPTIONS. A route that is the own page's alone answers it bare.
func (c *call) preflight(own bool) {
	h := c.w.Header()
	if !own {
		c.cors()
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", headers)
		h.Set("Access-Control-Max-Age", "600")
		if c.Header.Get("Access-Control-Request-Private-Network") == "true" && c.allowedOrigin(c.Header.Get("Origin")) {
			h.Set("Access-Control-Allow-Private-Network", "true")
		}
	}
	c.w.WriteHeader(http.StatusNoContent)
}
