package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"pc2/backend/auth"
	"pc2/backend/fault"
)

// policy says who may call a route. The zero value is no policy, and New refuses
// a route that has none.
type policy uint8

const (
	open    policy = iota + 1 // anybody; credentials are not looked at
	guest                     // anybody, but a credential that is presented must hold
	user                      // a session of any role
	owner                     // the owner's session
	window                    // the window of the program around this node (desktop_door.go)
	control                   // the bearer of runtime/control.json, over loopback
)

// body says how a route's body is read before the handler runs.
type body uint8

const (
	form    body = iota // JSON, form and query become c.fields
	raw                 // the handler reads it; only the query becomes fields
	bytesOf             // a file: what precedes its bytes becomes fields (write.go)
)

// route is one row of the table.
type route struct {
	pattern string // of net/http: "POST /write"
	policy  policy
	own     bool   // for the node's own page alone: no CORS, foreign pages refused
	class   string // of the rate limits; "" = none
	body    body
	serve   handler
}

// routes is every route there is. A new feature is a row here and a handler in
// the file of its noun.
func (s *Server) routes() []route {
	return []route{
		// system.go
		{pattern: "GET /health", policy: open, serve: s.health},
		{pattern: "GET /api/health", policy: open, serve: s.health},
		{pattern: "GET /healthcheck", policy: open, serve: s.healthcheck},
		{pattern: "GET /version", policy: open, serve: s.version},
		{pattern: "GET /api/info", policy: open, serve: s.info},
		{pattern: "GET /api/control/status", policy: control, own: true, serve: s.controlStatus},

		// signin.go
		{pattern: "GET /auth/challenge", policy: open, own: true, class: "auth", serve: s.challenge},
		{pattern: "POST /auth/challenge", policy: open, own: true, class: "auth", serve: s.challenge},
		{pattern: "POST /auth/particle", policy: open, own: true, class: "auth", serve: s.login},
		{pattern: "POST /auth/wallet", policy: open, own: true, class: "auth", serve: s.login},
		{pattern: "GET /whoami", policy: guest, class: "stat", serve: s.whoami},
		{pattern: "GET /os/user", policy: guest, class: "stat", serve: s.whoami},
		{pattern: "POST /logout", policy: user, own: true, serve: s.logout},
		{pattern: "POST /auth/logout", policy: user, own: true, serve: s.logout},
		{pattern: "GET /session/sync-cookie", policy: user, own: true, serve: s.syncCookie},

		// pair.go
		{pattern: "POST /auth/pair", policy: user, own: true, serve: s.pairOffer},
		{pattern: "POST /auth/pair/redeem", policy: open, own: true, class: "gate", serve: s.pairRedeem},
		{pattern: "POST /auth/pair/{request_id}/allow", policy: user, own: true, serve: s.pairAllow},
		{pattern: "POST /auth/pair/{request_id}/deny", policy: user, own: true, serve: s.pairDeny},
		{pattern: "GET /auth/pair/{request_id}", policy: open, own: true, serve: s.pairAwait},

		// sessions.go
		{pattern: "GET /auth/list-sessions", policy: user, serve: s.listSessions},
		{pattern: "POST /auth/revoke-session", policy: user, serve: s.revokeSession},
		{pattern: "POST /auth/revoke-all-sessions", policy: user, serve: s.revokeAllSessions},
		{pattern: "GET /api/user/login-history", policy: user, serve: s.loginHistory},
		{pattern: "GET /api/user/profile", policy: user, serve: s.profile},
		{pattern: "POST /api/user/profile", policy: user, serve: s.setProfile},

		// desktop.go
		{pattern: "GET /desktop/enter", policy: open, serve: s.enter},
		{pattern: "GET /desktop/window", policy: open, own: true, serve: s.desktopWindow},
		{pattern: "POST /desktop/again", policy: open, own: true, serve: s.desktopAgain},
		{pattern: "GET /desktop/about", policy: window, own: true, serve: s.desktopAbout},
		{pattern: "GET /desktop/address", policy: window, own: true, serve: s.desktopAddress},
		{pattern: "POST /desktop/open", policy: window, own: true, serve: s.desktopOpen},
		{pattern: "POST /desktop/busy", policy: window, own: true, serve: s.desktopBusy},
		{pattern: "POST /desktop/save", policy: user, own: true, class: "fsread", serve: s.desktopSave},
		{pattern: "POST /desktop/reveal", policy: user, own: true, serve: s.desktopReveal},
		{pattern: "POST /desktop/trust", policy: owner, own: true, serve: s.desktopTrust},
		{pattern: "POST /desktop/handover", policy: window, own: true, serve: s.handoverAsk},
		{pattern: "GET /desktop/handover", policy: window, own: true, serve: s.handoverAwait},
		{pattern: "POST /desktop/handover/answer", policy: user, own: true, serve: s.handoverAnswer},

		// setup.go
		{pattern: "GET /api/access/status", policy: guest, own: true, serve: s.accessStatus},
		{pattern: "GET /api/setup/status", policy: open, own: true, serve: s.setupStatus},
		{pattern: "GET /api/setup/mnemonic", policy: open, own: true, class: "mnemonic", serve: s.phrase},
		{pattern: "POST /api/setup/mnemonic", policy: owner, own: true, class: "mnemonic", serve: s.phraseAgain},

		// network.go
		{pattern: "GET /api/boson/status", policy: user, own: true, serve: s.netStatus},
		{pattern: "GET /api/boson/identity", policy: user, own: true, serve: s.netIdentity},
		{pattern: "GET /api/boson/username", policy: user, own: true, serve: s.netUsername},
		{pattern: "POST /api/boson/register", policy: owner, own: true, serve: s.netRegister},
		{pattern: "POST /api/boson/validate-username", policy: user, own: true, serve: s.netValidate},
		{pattern: "GET /api/boson/check-available/{username}", policy: user, own: true, serve: s.netAvailable},
		{pattern: "GET /api/boson/lookup/{username}", policy: user, own: true, serve: s.netLookup},
		{pattern: "GET /api/boson/connectivity", policy: user, own: true, serve: s.netConnectivity},
		{pattern: "POST /api/boson/reconnect", policy: owner, own: true, serve: s.netReconnect},

		// files.go
		{pattern: "GET /stat", policy: user, class: "stat", serve: s.stat},
		{pattern: "POST /stat", policy: user, class: "stat", serve: s.stat},
		{pattern: "GET /readdir", policy: user, class: "readdir", serve: s.readdir},
		{pattern: "POST /readdir", policy: user, class: "readdir", serve: s.readdir},
		{pattern: "POST /mkdir", policy: user, class: "mutate", serve: s.mkdir},
		{pattern: "POST /api/files/mkdir", policy: user, class: "mutate", serve: s.mkdir},
		{pattern: "POST /delete", policy: user, class: "mutate", serve: s.remove},
		{pattern: "POST /api/files/delete", policy: user, class: "mutate", serve: s.remove},
		{pattern: "POST /move", policy: user, class: "mutate", serve: s.move},
		{pattern: "POST /api/files/move", policy: user, class: "mutate", serve: s.move},
		{pattern: "POST /rename", policy: user, class: "mutate", serve: s.rename},
		{pattern: "POST /copy", policy: user, class: "mutate", serve: s.copy},
		{pattern: "POST /touch", policy: user, class: "mutate", serve: s.touch},
		{pattern: "GET /df", policy: user, class: "df", serve: s.df},
		{pattern: "POST /df", policy: user, class: "df", serve: s.df},
		{pattern: "GET /cache/last-change-timestamp", policy: guest, serve: s.lastChange},

		// read.go, write.go
		{pattern: "GET /read", policy: user, class: "fsread", serve: s.read},
		{pattern: "POST /read", policy: user, class: "fsread", serve: s.read},
		{pattern: "POST /write", policy: user, class: "fswrite", body: bytesOf, serve: s.write},
		{pattern: "PUT /write", policy: user, class: "fswrite", body: bytesOf, serve: s.write},
	}
}

var (
	errNoRoute  = fault.New(fault.NotFound, "not_found", "There is nothing at this address.")
	errNotOwner = fault.New(fault.Denied, "forbidden", "Only the owner of this PC2 may do that.").With("error", "Unauthorized").With("required_role", "owner")
	errControl  = fault.New(fault.Denied, "forbidden", "Only a program on this PC that can read the control file may do that.")
)

// mux makes the table into a handler and checks it.
func (s *Server) mux(table []route) (*http.ServeMux, error) {
	m := http.NewServeMux()
	s.byPattern = map[string]*route{}
	add := func(r *route) {
		s.byPattern[r.pattern] = r
		m.HandleFunc(r.pattern, func(_ http.ResponseWriter, req *http.Request) {
			c := req.Context().Value(callKey{}).(*call)
			c.Request = req // with its pattern and path values
			c.serve(r.run)
		})
	}
	allow := map[string][]string{}
	for _, r := range table {
		method, path, ok := strings.Cut(r.pattern, " ")
		if !ok || r.policy == 0 || r.serve == nil {
			return nil, fmt.Errorf("route %q states no method, policy or handler", r.pattern)
		}
		if r.class != "" && perMinute[r.class] == 0 {
			return nil, fmt.Errorf("route %q: there is no class %q", r.pattern, r.class)
		}
		add(&r)
		allow[path] = append(allow[path], method)
		if method == http.MethodGet {
			allow[path] = append(allow[path], http.MethodHead)
		}
	}
	for path, methods := range allow {
		list := strings.Join(append(methods, http.MethodOptions), ", ")
		refuse := func(c *call) error {
			c.w.Header().Set("Allow", list)
			const msg = "This address does not take that method."
			return c.json(http.StatusMethodNotAllowed, map[string]any{"error": msg, "message": msg, "code": "method_not_allowed"})
		}
		// A row for each other method: one for all of them would clash with a wildcard beside it.
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if !slices.Contains(methods, m) {
				add(&route{pattern: m + " " + path, policy: open, body: raw, serve: refuse})
			}
		}
	}
	add(&route{pattern: "/socket.io/", policy: open, body: raw, serve: s.socket})
	add(&route{pattern: "/", policy: open, body: raw, serve: s.static})
	return m, nil
}

// callKey is where the call travels in its request's context.
type callKey struct{}

// find is the route that method and path of req lead to.
func (s *Server) find(req *http.Request, method string) *route {
	probe := http.Request{Method: method, URL: req.URL, Host: req.Host}
	_, pattern := s.routesMux.Handler(&probe)
	return s.byPattern[pattern]
}

// run takes c through the route's policy to its handler.
func (r *route) run(c *call) error {
	if r.own && !c.ownPage() {
		return errForeignPage
	}
	if !r.own {
		c.cors()
	}
	c.fields.query = c.URL.Query()
	defer c.left()
	var err error
	switch r.body {
	case form:
		c.sent.hurry()
		err = c.readFields(maxFields)
	case bytesOf:
		err = c.prepareUpload()
	}
	if err != nil {
		return err
	}
	if r.policy == open || r.policy == guest {
		if err := c.s.limits.take(c, r.class, network(c.ip)); err != nil {
			return err
		}
	}
	switch r.policy {
	case window:
		if err := c.s.fromWindow(c); err != nil {
			return err
		}
	case control:
		if err := c.s.controlBearer(c); err != nil {
			return err
		}
	case guest, user, owner:
		found, err := c.authenticate()
		if err != nil {
			return err
		}
		if !found && r.policy != guest {
			return auth.ErrTokenMissing
		}
		if r.policy == owner && c.who.Role != auth.Owner {
			return errNotOwner
		}
		if found {
			c.sent.ease()
		}
	}
	if c.who.Session.ID == "" || r.class == "" {
		return r.serve(c)
	}
	leave, ok := c.s.gates.enter(c.Context().Done(), bucketKey{r.class, c.who.User.Wallet.String()})
	if !ok {
		return c.Context().Err()
	}
	defer leave()
	return r.serve(c)
}
