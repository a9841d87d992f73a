package api

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
)

// apiPrefixes are never answered with the page: an unknown address below them is
// a mistake that a program must be able to see.
var apiPrefixes = []string{"/api", "/auth", "/fs", "/file", "/ipfs", "/public", "/metrics", "/drivers", "/socket.io", "/puter.js", "/login", "/session", "/share", "/dav", "/cache", "/assets", "/os", "/desktop"}

const pageCSP = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// page is the built front end.
type page struct {
	ui fs.FS
}

func newPage(ui fs.FS) (*page, error) {
	if ui == nil {
		return &page{}, nil
	}
	if _, err := fs.Stat(ui, "index.html"); errors.Is(err, fs.ErrNotExist) {
		return &page{}, nil
	} else if err != nil {
		return nil, err
	}
	return &page{ui: ui}, nil
}

// noPage is shown by a program that was built without its page.
const noPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>PC2</title><body style="font:16px system-ui;margin:4rem auto;max-width:36rem">
<h1>PC2 is running</h1><p>This program was built without its page. Build it with <code>make ui</code> and start again; the API answers meanwhile.</p></body></html>`

func (s *Server) static(c *call) error {
	if c.Method != http.MethodGet && c.Method != http.MethodHead {
		return errNoRoute
	}
	c.w.Header().Del("Access-Control-Allow-Credentials") // the page is for people, not for other pages
	name := strings.TrimPrefix(path.Clean(c.URL.Path), "/")
	if s.page.ui != nil && name != "" && name != "." && name != "index.html" && fs.ValidPath(name) && !strings.HasSuffix(name, "/") {
		if fi, err := fs.Stat(s.page.ui, name); err == nil && !fi.IsDir() && !strings.HasPrefix(path.Base(name), ".") {
			return c.asset(name)
		}
	}
	if !c.wantsPage() {
		return errNoRoute
	}
	h := c.w.Header()
	h.Set("Content-Security-Policy", pageCSP)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Frame-Options", "DENY")
	c.alone()
	if s.page.ui == nil {
		return c.bytes(http.StatusOK, "text/html; charset=utf-8", []byte(noPage))
	}
	return c.send("index.html", "text/html; charset=utf-8")
}

// wantsPage: a browser going to an address that is no API's.
func (c *call) wantsPage() bool {
	under := func(p string) bool { return c.URL.Path == p || strings.HasPrefix(c.URL.Path, p+"/") }
	if slices.ContainsFunc(apiPrefixes, under) {
		return false
	}
	return c.URL.Path == "/" || strings.Contains(c.Header.Get("Accept"), "text/html")
}

func (c *call) asset(name string) error {
	h := c.w.Header()
	if strings.HasPrefix(name, "assets/") { // their names hold a hash of the content
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if strings.HasSuffix(name, ".js") { // a worker brings its own policy
		h.Set("Content-Security-Policy", pageCSP)
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	return c.send(name, kind)
}

// send answers a file of the page, in the smallest form that was built and is accepted.
func (c *call) send(name, kind string) error {
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	for _, v := range []struct{ coding, ext string }{{"br", ".br"}, {"gzip", ".gz"}, {"", ""}} {
		if v.coding != "" && !accepts(c.Header.Get("Accept-Encoding"), v.coding) {
			continue
		}
		f, err := c.s.page.ui.Open(name + v.ext)
		if errors.Is(err, fs.ErrNotExist) && v.coding != "" {
			continue
		}
		if err != nil {
			return err
		}
		defer f.Close()
		fi, err := f.Stat()
		if err != nil {
			return err
		}
		if v.coding != "" {
			h.Set("Content-Encoding", v.coding)
		}
		h.Set("Content-Length", fmt.Sprint(fi.Size()))
		c.w.WriteHeader(http.StatusOK)
		if c.Method == http.MethodHead {
			return nil
		}
		_, err = io.Copy(c.w, f)
		return gone(err)
	}
	return errNoRoute
}
