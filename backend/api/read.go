package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pc2/backend/content"
	"pc2/backend/fault"
	"pc2/backend/files"
)

const sandboxCSP = "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'"

var errRange = fault.New(fault.Range, "range_not_satisfiable", "The file has no such bytes.")

// read answers the bytes of a file: whole, a part, or none of it when the client
// has them.
func (s *Server) read(c *call) error {
	sel, byFile, err := c.readSubject()
	if err != nil {
		return err
	}
	f, err := s.cfg.Files.Open(c.Context(), c.actor(), sel)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := c.fileHeaders(f, byFile); err != nil {
		return err
	}
	encoding, err := c.fields.text("encoding")
	if err != nil {
		return err
	}
	if encoding != "" {
		return c.encoded(f, encoding)
	}
	if c.fields.has("offset", "byte_count") {
		return c.part(f)
	}
	return c.content(f)
}

// readSubject is the file that is meant. The SDK says "file" and unwraps
// application/octet-stream alone, so that is what it gets.
func (c *call) readSubject() (sel files.Selector, byFile bool, err error) {
	if v, err := c.fields.text("file"); err != nil || v != "" {
		if err != nil {
			return sel, true, err
		}
		sel, err = files.ParseSelector(c.who.User.Wallet, v)
		return sel, true, err
	}
	sel, err = c.selector("file", "path", "uid", "uuid")
	return sel, false, err
}

func (c *call) fileHeaders(f *files.File, byFile bool) error {
	h := c.w.Header()
	kind := f.MIME
	if byFile || kind == "" {
		kind = "application/octet-stream"
	}
	if strings.HasPrefix(kind, "text/") && !strings.Contains(kind, "charset") {
		kind += "; charset=utf-8"
	}
	download, err := c.fields.flag(false, "download")
	if err != nil {
		return err
	}
	disposition := "inline"
	if download {
		disposition = "attachment"
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", disposition+"; filename*=UTF-8''"+strings.ReplaceAll(url.QueryEscape(f.Name), "+", "%20"))
	h.Set("Content-Security-Policy", sandboxCSP)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+f.Root+`"`)
	h.Set("X-IPFS-CID", f.Root)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Last-Modified", time.Unix(f.Modified, 0).UTC().Format(http.TimeFormat))
	return nil
}

// part answers offset and byte_count: like a range, but with 200.
func (c *call) part(f *files.File) error {
	off, err := c.fields.number(0, "offset")
	if err != nil {
		return err
	}
	n, err := c.fields.number(f.Size(), "byte_count")
	if err != nil {
		return err
	}
	if off < 0 || n < 0 || off > f.Size() {
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", f.Size()))
		return errRange
	}
	n = min(n, f.Size()-off)
	c.w.Header().Set("Content-Length", fmt.Sprint(n))
	c.w.WriteHeader(http.StatusOK)
	if c.Method == http.MethodHead {
		return nil
	}
	return c.cut(f.WriteRange(c.Context(), c.moving(), off, n))
}

// encoded answers the whole file as text or as base64.
func (c *call) encoded(f *files.File, encoding string) error {
	h := c.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Del("ETag") // of the bytes, not of this form
	var to io.WriteCloser
	switch encoding {
	case "utf8", "utf-8":
		to = closeless{c.moving()}
	case "base64":
		to = base64.NewEncoder(base64.StdEncoding, c.moving())
	default:
		return invalid("encoding", "utf8 or base64")
	}
	c.w.WriteHeader(http.StatusOK)
	if c.Method == http.MethodHead {
		return nil
	}
	if err := f.WriteRange(c.Context(), to, 0, f.Size()); err != nil {
		return c.cut(err)
	}
	return gone(to.Close())
}

// closeless is a writer that has nothing to close.
type closeless struct{ io.Writer }

func (closeless) Close() error { return nil }

// content leaves conditions, ranges and HEAD to net/http, and the bytes to the
// content store.
func (c *call) content(f *files.File) error {
	w := &fileWriter{call: c, w: c.moving(), file: f}
	http.ServeContent(w, c.Request, "", time.Unix(f.Modified, 0), &seeker{f: f})
	if w.refused != 0 {
		h := c.w.Header()
		h.Del("Content-Security-Policy")
		if w.refused == http.StatusPreconditionFailed {
			return files.ErrStale
		}
		return errRange
	}
	return c.cut(w.err)
}

// cut ends a body that cannot be completed: the connection is broken, so that
// nobody takes the part for the whole.
func (c *call) cut(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, content.ErrCorrupt) {
		c.s.log.Error("a file is damaged on disk; nothing wrong was sent", "request", c.id, "err", err)
	}
	panic(http.ErrAbortHandler)
}

// fileWriter takes net/http's answer. What io.Copy would move in small pieces,
// it asks the content store to write.
type fileWriter struct {
	*call
	w       io.Writer
	file    *files.File
	refused int
	err     error
}

func (w *fileWriter) Header() http.Header { return w.call.w.Header() }

func (w *fileWriter) WriteHeader(code int) {
	if code == http.StatusRequestedRangeNotSatisfiable || code == http.StatusPreconditionFailed {
		w.refused = code // its body would be plain text; ours is JSON
		return
	}
	w.call.w.WriteHeader(code)
}

func (w *fileWriter) Write(b []byte) (int, error) {
	if w.refused != 0 {
		return len(b), nil
	}
	return w.w.Write(b)
}

// ReadFrom is called with a limited reader of our own seeker, unless the answer
// has several ranges.
func (w *fileWriter) ReadFrom(r io.Reader) (int64, error) {
	l, ok := r.(*io.LimitedReader)
	if ok {
		if from, ok := l.R.(*seeker); ok {
			n := min(l.N, w.file.Size()-from.at)
			w.err = w.file.WriteRange(w.Context(), w.w, from.at, n)
			if w.err != nil {
				return 0, w.err
			}
			from.at += n
			l.N -= n
			return n, nil
		}
	}
	n, err := io.Copy(struct{ io.Writer }{w}, r)
	w.err = err
	return n, err
}

// seeker is a file as net/http wants it.
type seeker struct {
	f  *files.File
	at int64
}

func (s *seeker) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += s.at
	case io.SeekEnd:
		off += s.f.Size()
	}
	if off < 0 {
		return 0, errors.New("seek before the start")
	}
	s.at = off
	return off, nil
}

func (s *seeker) Read(b []byte) (int, error) {
	n, err := s.f.ReadAt(b, s.at)
	s.at += int64(n)
	return n, err
}

// moving is the answer's body with a limit on standing still: a reader that has
// stopped is given up, one that is slow is not.
func (c *call) moving() io.Writer {
	return &mover{w: c.w, control: http.NewResponseController(c.w)}
}

type mover struct {
	w       io.Writer
	control *http.ResponseController
	set     time.Time
}

func (m *mover) Write(b []byte) (int, error) {
	if now := time.Now(); now.Sub(m.set) > stall/6 {
		m.set = now
		// A connection that knows no deadlines (a test's) is as patient as it is.
		_ = m.control.SetWriteDeadline(now.Add(stall))
	}
	return m.w.Write(b)
}
