package gateway

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pc2/backend/names"
)

//go:embed pages/*.html
var pageFiles embed.FS

// pages are what a person sees when no node answers: static, without a script,
// at most 10 KiB.
type pages struct{ offline, unknown, other, front *template.Template }

// view is what a page shows.
type view struct {
	Title, Text  string
	Seen, SeenAt string // when the node was there last: for people, exactly
	Front        string // the address that asks for a name
	Asked        string
}

func newPages() (*pages, error) {
	p := &pages{}
	for name, t := range map[string]**template.Template{"offline": &p.offline, "unknown": &p.unknown, "trouble": &p.other, "front": &p.front} {
		var err error
		if *t, err = template.ParseFS(pageFiles, "pages/base.html", "pages/"+name+".html"); err != nil {
			return nil, fmt.Errorf("gateway: page %s: %w", name, err)
		}
	}
	return p, nil
}

func title(code int) string {
	switch {
	case code == http.StatusTooManyRequests:
		return "That was a little fast"
	case code == http.StatusNotFound:
		return "There is nothing here"
	case code == http.StatusGatewayTimeout, code == http.StatusBadGateway:
		return "This PC does not answer"
	case code >= 500:
		return "This address has trouble of its own"
	}
	return "That did not work"
}

// page answers one of the pages.
func (c *call) page(code int, t *template.Template, v view) {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "base.html", v); err != nil {
		panic(fmt.Errorf("page: %w", err)) // only our own values come here
	}
	h := c.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	h.Add("Vary", "Accept")
	c.bytes(code, "text/html; charset=utf-8", b.Bytes())
}

// unknown answers for a host that no node has.
func (c *call) unknown() error {
	if err := c.g.limits.take(c, "offline", ""); err != nil {
		return err
	}
	if !c.wantsPage() {
		return names.ErrNotFound
	}
	name := c.at.label + "." + c.g.cfg.Domain
	c.page(http.StatusNotFound, c.g.pages.unknown, view{Title: "There is no PC2 called " + name, Front: c.g.origin(c.g.cfg.Domain) + "/"})
	return nil
}

// offline answers for a node that is not there; why is the fault for programs.
func (c *call) offline(rec names.Record, code int, why error) error {
	if !c.wantsPage() {
		return why
	}
	v := view{Title: rec.Name.String() + "." + c.g.cfg.Domain + " is offline", SeenAt: rec.Seen.UTC().Format("2006-01-02T15:04Z")}
	if code == http.StatusGatewayTimeout {
		v.Title = rec.Name.String() + "." + c.g.cfg.Domain + " does not answer"
	}
	v.Seen = ago(c.g.cfg.Now().Sub(rec.Seen))
	c.page(code, c.g.pages.offline, v)
	return nil
}

// ago says a time so that it is true wherever the reader's clock stands.
func ago(d time.Duration) string {
	n := func(n time.Duration, unit string) string {
		if n == 1 {
			return "1 " + unit + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, unit)
	}
	switch {
	case d < 2*time.Minute:
		return "a moment ago"
	case d < 2*time.Hour:
		return n(d/time.Minute, "minute")
	case d < 48*time.Hour:
		return n(d/time.Hour, "hour")
	}
	return n(d/(24*time.Hour), "day")
}

// front asks for a name and goes there.
func (c *call) front() error {
	asked := c.URL.Query().Get("name")
	v := view{Title: "Whose PC2 are you looking for?", Text: "Every PC2 has a name here and stands at somebody's home.", Asked: asked}
	if asked != "" {
		name, err := names.Parse(strings.TrimSpace(asked))
		if err == nil {
			c.w.Header().Set("Location", c.elsewhere(name))
			c.bytes(http.StatusSeeOther, "text/plain; charset=utf-8", nil)
			return nil
		}
		v.Text = "A name has 3 to 30 letters, digits and single hyphens."
	}
	if !c.wantsPage() {
		return errNoSuch
	}
	code := http.StatusOK
	if asked != "" {
		code = http.StatusBadRequest
	}
	c.page(code, c.g.pages.front, v)
	return nil
}

// elsewhere is the address of a node for who looks at this page: the port is the
// one that they came through.
func (c *call) elsewhere(n names.Name) string {
	u := url.URL{Scheme: c.scheme(), Host: n.String() + "." + c.g.cfg.Domain, Path: "/"}
	if _, port, ok := splitHost(c.Host); ok {
		u.Host += publicPort(u.Scheme, port)
	}
	return u.String()
}
