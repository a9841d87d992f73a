package gateway

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// patient gives the visitor's body any time it needs, as long as it moves.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
	limit   time.Duration

	mu      sync.Mutex // the transport may still read when the handler is done
	set     time.Time
	err     error // why the body ended before its end
	stopped bool
}

func (p *patient) Read(b []byte) (int, error) {
	p.deadline(time.Now())
	n, err := p.ReadCloser.Read(b)
	if err != nil {
		p.mu.Lock()
		if err != io.EOF && p.err == nil && !p.stopped {
			p.err = err
		}
		p.mu.Unlock()
		if err == io.EOF {
			p.stop()
		}
	}
	return n, err
}

func (p *patient) deadline(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped && now.Sub(p.set) > p.limit/6 {
		p.set = now
		// A connection that knows no deadlines (a test's) is as patient as it is.
		_ = p.control.SetReadDeadline(now.Add(p.limit))
	}
}

// stop ends the deadlines: the connection belongs to the next request then.
func (p *patient) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped && !p.set.IsZero() {
		_ = p.control.SetReadDeadline(time.Time{})
	}
	p.stopped = true
}

// cause is why the body broke, nil if it did not.
func (p *patient) cause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// trailing hands on the trailers of a request, which are known at its end.
type trailing struct {
	io.ReadCloser
	from, to http.Header
}

func (t *trailing) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if err == io.EOF {
		for k := range t.to {
			t.to[k] = t.from[k]
		}
	}
	return n, err
}

// steady writes to a visitor as long as the visitor takes something: who stops
// reading would else hold a stream and its buffers for ever.
type steady struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
	each    bool // HTTP/2, where a deadline ends the stream even when nobody writes
	set     time.Time
}

func (s *steady) before() {
	if now := time.Now(); s.each || now.Sub(s.set) > s.limit/6 {
		s.set = now
		_ = s.control.SetWriteDeadline(now.Add(s.limit))
	}
}

func (s *steady) after() {
	if s.each {
		_ = s.control.SetWriteDeadline(time.Time{})
	}
}

func (s *steady) Write(p []byte) (int, error) {
	s.before()
	defer s.after()
	return s.ResponseWriter.Write(p)
}

func (s *steady) WriteHeader(code int) {
	if code < 200 {
		// An interim answer passes by what looks at the others.
		h := s.Header()
		for _, k := range []string{"Set-Cookie", "Alt-Svc", "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade"} {
			h.Del(k)
		}
	}
	s.before()
	defer s.after()
	s.ResponseWriter.WriteHeader(code)
}

// FlushError is what http.ResponseController flushes with.
func (s *steady) FlushError() error {
	s.before()
	defer s.after()
	return s.control.Flush()
}

func (s *steady) Unwrap() http.ResponseWriter { return s.ResponseWriter }
