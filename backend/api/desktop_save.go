package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"pc2/backend/fault"
)

// Saved is a file that the program has put into the folder for downloads.
type Saved struct {
	Name   string `json:"name"`   // under which it is there
	Folder string `json:"folder"` // as people call it
}

// sayEvery is how often a page hears how far a file is.
const sayEvery = 200 * time.Millisecond

// desktopSave puts a file into this PC's folder for downloads: the window cannot
// do it as a browser does. The answer is a line of JSON now and then, with how
// much there is, and a last one with the name, or with what went wrong. It lives
// as long as the request: who hangs up has given the file up.
func (s *Server) desktopSave(c *call) error {
	if err := s.fromWindow(c); err != nil {
		return err
	}
	sel, err := c.selector("path", "uid")
	if err != nil {
		return err
	}
	f, err := s.cfg.Files.Open(c.Context(), c.actor(), sel)
	if err != nil {
		return err
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	told := &teller{w: c.moving(), header: c.w.Header(), control: http.NewResponseController(c.w), size: f.Size(), last: time.Now(), gone: cancel}
	saved, err := s.cfg.Desktop.Save(ctx, f.Name, func(w io.Writer) error {
		return f.WriteRange(ctx, io.MultiWriter(w, told), 0, f.Size())
	})
	switch {
	case err == nil && !told.begun:
		return c.ok(saved)
	case err == nil:
		told.line(saved)
		return nil
	case !told.begun:
		return err
	}
	why := fault.As(err)
	if why == nil || errors.Is(err, context.Canceled) {
		return err // cuts the answer off
	}
	s.log.Warn("a file was not saved", "request", c.id, "code", why.Code, "err", err)
	told.line(map[string]any{"code": why.Code, "message": why.Msg})
	return nil
}

// teller counts what is written, and says so.
type teller struct {
	w          io.Writer
	header     http.Header
	control    *http.ResponseController
	done, size int64
	last       time.Time
	begun      bool
	gone       func() // nobody listens any more
}

func (t *teller) Write(b []byte) (int, error) {
	t.done += int64(len(b))
	if now := time.Now(); now.Sub(t.last) >= sayEvery {
		t.last = now
		t.line(map[string]any{"done": t.done, "size": t.size})
	}
	return len(b), nil
}

func (t *teller) line(v any) {
	b, err := json.Marshal(v)
	if !t.begun {
		t.begun = true
		t.header.Set("Content-Type", "application/x-ndjson")
		t.header.Set("Cache-Control", "no-store")
	}
	if err == nil {
		_, err = t.w.Write(append(b, '\n'))
	}
	if err = errors.Join(err, t.control.Flush()); err != nil {
		t.gone()
	}
}

// desktopReveal shows a saved file in the file manager.
func (s *Server) desktopReveal(c *call) error {
	if err := s.fromWindow(c); err != nil {
		return err
	}
	name, err := c.fields.text("name")
	if err != nil {
		return err
	}
	if err := s.cfg.Desktop.Reveal(name); err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true})
}
