package gateway

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// patient gives the visitor's body any time it needs, as long as it moves.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
	limit   time.Duration

	mu      sync.Mutex // the transport may still read when the handler is done
	read    sync.Cond  // reading became false
	reading bool
	set     time.Time
	fixed   bool  // one deadline for all of the body
	err     error // why the body ended before its end
	end     bool  // io.EOF has come
	stopped bool
}

func newPatient(r *http.Request, w http.ResponseWriter, limit time.Duration) *patient {
	p := &patient{ReadCloser: r.Body, control: http.NewResponseController(w), limit: limit}
	p.read.L = &p.mu
	return p
}

var errStopped = errors.New("gateway: the request is over")

func (p *patient) Read(b []byte) (int, error) {
	if !p.begin() {
		return 0, errStopped
	}
	n, err := p.ReadCloser.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading = false
	p.read.Broadcast()
	switch {
	case err == io.EOF:
		p.end = true
		if !p.stopped {
			// The connection waits for the answer now, and then for another request.
			p.deadline(time.Time{})
		}
	case err != nil && p.err == nil && !p.stopped:
		p.err = err
	}
	return n, err
}

func (p *patient) begin() bool {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if !p.fixed && now.Sub(p.set) > p.limit/6 {
		p.set = now
		p.deadline(now.Add(p.limit))
	}
	p.reading = true
	return true
}

// deadline reports whether there is one now: a connection that knows none (a
// test's) is as patient as it is.
func (p *patient) deadline(t time.Time) bool { return p.control.SetReadDeadline(t) == nil }

// hurry sets one deadline for all of the body.
func (p *patient) hurry(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fixed = true
	p.deadline(time.Now().Add(d))
}

// stop ends reading, before the handler returns. What net/http still reads of the
// body, to find the next request behind it, has a deadline too: it must be set
// when nobody reads, because net/http clears the deadline of a read that it ends.
func (p *patient) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped || p.end {
		p.stopped = true
		return
	}
	p.stopped = true
	if p.reading && p.deadline(time.Unix(1, 0)) {
		for p.reading {
			p.read.Wait()
		}
	}
	p.deadline(time.Now().Add(p.limit))
}

// over says whether the body was read to its end.
func (p *patient) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

// cause is why the body broke, nil if it did not. over: the request's context has
// ended. When a read fails, net/http says so there first, and the read returns
// afterwards; without waiting for it, a visitor who was too slow would look like one
// who left.
func (p *patient) cause(over bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for over && p.reading {
		p.read.Wait()
	}
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

	others *standing
	write  write
	ended  atomic.Bool // others needed the memory
}

func newSteady(w http.ResponseWriter, control *http.ResponseController, limit time.Duration, each bool, others *standing) *steady {
	s := &steady{ResponseWriter: w, control: control, limit: limit, each: each, others: others}
	s.write.end = func() {
		s.ended.Store(true)
		_ = control.SetWriteDeadline(time.Unix(1, 0))
	}
	return s
}

func (s *steady) before() {
	now := time.Now()
	if s.each || now.Sub(s.set) > s.limit/6 {
		s.set = now
		_ = s.control.SetWriteDeadline(now.Add(s.limit))
	}
	s.others.begin(&s.write, now)
}

func (s *steady) after() {
	s.others.done(&s.write)
	if s.each {
		_ = s.control.SetWriteDeadline(time.Time{})
	}
}

var errCrowded = errors.New("gateway: the visitor takes too little, and others wait")

// Write hands on what the node has sent, at once: together with the head if that
// has not left yet.
func (s *steady) Write(p []byte) (int, error) {
	s.before()
	defer s.after()
	n, err := s.ResponseWriter.Write(p)
	if err == nil {
		err = s.control.Flush()
	}
	if s.ended.Load() { // perhaps in the moment in which it went through
		err = errCrowded
	}
	return n, err
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
