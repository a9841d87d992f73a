package gateway

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"pc2/backend/fault"
	"pc2/backend/names"
)

const maxClaim = 8 << 10 // as package names has it

// route is one of the super node's own.
type route struct {
	method string // GET includes HEAD
	class  string // of its limit
	serve  func(*call) error
}

// routes are by path; one that ends in a slash takes what follows, too.
func (g *Gateway) routes() map[string]route {
	return map[string]route{
		"/api/health":    {"GET", "api", (*call).health},
		"/api/lookup/":   {"GET", "api", (*call).lookup},
		"/api/available": {"GET", "api", (*call).available},
		"/api/users":     {"GET", "api", (*call).users},
		"/api/register":  {"POST", "register", (*call).register},
		"/api/reach":     {"POST", "reach", (*call).reach},
		"/":              {"GET", "api", (*call).front},
	}
}

// own serves a host that is no node's.
func (c *call) own() error {
	path := c.URL.Path
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		if _, ok := c.g.api[path[:i+1]]; ok {
			path = path[:i+1]
		}
	}
	r, ok := c.g.api[path]
	switch {
	case c.at.label != "" && !strings.HasPrefix(c.URL.Path, "/api/"):
		return c.unknown()
	case !ok:
		return errNoSuch
	case r.method != c.Method && !(r.method == "GET" && c.Method == "HEAD"):
		c.w.Header().Set("Allow", r.method)
		return errMethod
	}
	if err := c.g.limits.take(c, r.class, path); err != nil {
		return err
	}
	return r.serve(c)
}

func (c *call) health() error {
	n, err := c.g.cfg.Names.Count(c.Context())
	if err != nil {
		return err
	}
	c.json(200, map[string]any{"status": "ok", "uptime": int64(c.g.cfg.Now().Sub(c.g.started).Seconds()), "users": n, "superNode": c.g.cfg.Self})
	return nil
}

func (c *call) users() error {
	n, err := c.g.cfg.Names.Count(c.Context())
	if err != nil {
		return err
	}
	c.json(200, map[string]any{"count": n})
	return nil
}

// lookup shows a name and its claim, which anybody can verify; never an address,
// because a name must not reveal a home.
func (c *call) lookup() error {
	name, err := names.Parse(strings.TrimPrefix(c.URL.Path, "/api/lookup/"))
	if err != nil {
		return err
	}
	rec, err := c.g.cfg.Names.Lookup(c.Context(), name)
	if err != nil {
		return err
	}
	via := c.g.roads.Via(rec)
	claim, err := names.ParseClaim(rec.Claim)
	if err != nil {
		return errors.Join(errors.New("a claim that is kept does not verify"), err)
	}
	c.json(200, map[string]any{
		"username": rec.Name.String(), "nodeId": rec.Node, "seq": rec.Seq, "claim": claim.JSON(), "online": via != "", "via": orNull(via),
		"registered": rec.Registered.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
	})
	return nil
}

func (c *call) available() error {
	asked := c.URL.Query().Get("username")
	if asked == "" {
		return fault.New(fault.Invalid, "field_missing", "The field username is missing.").With("key", "username")
	}
	name, err := names.Parse(asked)
	if f := fault.As(err); f != nil {
		c.json(200, map[string]any{"available": false, "username": asked, "error": f.Msg, "code": f.Code})
		return nil
	}
	free, err := c.g.cfg.Names.Available(c.Context(), name)
	if err != nil {
		return err
	}
	c.json(200, map[string]any{"available": free, "username": name.String()})
	return nil
}

var errLarge = fault.New(fault.TooLarge, "too_large", "A claim has at most 8 KiB.")

// readClaim reads a signed statement.
func (c *call) readClaim() ([]byte, error) {
	if c.ContentLength > maxClaim {
		return nil, errLarge
	}
	if c.body != nil {
		c.body.hurry(headTime) // 8 KiB are not made to last
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, maxClaim))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, errLarge
	case err != nil:
		return nil, fault.New(fault.Invalid, "bad_request", "The body ended before it was complete.").Because(err)
	}
	return body, nil
}

func (c *call) register() error {
	body, err := c.readClaim()
	if err != nil {
		return err
	}
	rec, err := c.g.cfg.Names.Apply(c.Context(), body, c.ip.Addr())
	if err != nil {
		return err
	}
	c.g.records.forget(rec.Name)
	claim, err := names.ParseClaim(rec.Claim)
	if err != nil {
		return err
	}
	c.g.log.Info("name claimed", "name", rec.Name, "op", claim.Op, "node", rec.Node)
	c.json(200, map[string]any{"success": true, "username": rec.Name.String(), "url": c.g.URL(rec.Name), "claim": claim.JSON()})
	return nil
}

// status is the one path of a node's host that the gateway answers itself.
func (c *call) status(rec names.Record, via string) error {
	c.json(200, map[string]any{"username": rec.Name.String(), "online": via != "", "via": orNull(via)})
	return nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// network is whom a limit counts: an IPv4 address, or the /64 that one customer
// of an IPv6 provider has.
func network(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
