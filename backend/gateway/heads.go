package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
)

// errAmbiguous: two servers could read these bytes as different requests.
// net/http answers 400 to it, as to every error of reading that is not the network's.
var errAmbiguous = errors.New("gateway: an ambiguous request")

// strict is an HTTP/1.1 connection of a visitor that carries requests of one
// meaning only. net/http reads some that have two (a length beside chunks, the
// same length twice, folded header lines) in the way of the RFC and what it sends
// on is unambiguous, so this is the second lock on that door: whoever sends such a
// request probes for a proxy without the first.
type strict struct {
	net.Conn
	heads heads
	err   error
	all   atomic.Bool // no HTTP any more
}

func (s *strict) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.Conn.Read(p)
	if n == 0 || s.all.Load() {
		return n, err
	}
	if fine := s.heads.scan(p[:n]); fine < n {
		s.err = errAmbiguous
		clear(p[fine:n])
		if n = fine; n == 0 {
			return 0, s.err
		}
		return n, nil
	}
	return n, err
}

// CloseWrite lets net/http say an error to somebody who is still sending.
func (s *strict) CloseWrite() error { return closeWrite(s.Conn) }

func closeWrite(c net.Conn) error {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// strictTLS is one inside TLS; ConnectionState is how net/http knows.
type strictTLS struct {
	strict
	state tls.ConnectionState
}

func (s *strictTLS) ConnectionState() tls.ConnectionState { return s.state }

type strictKey struct{}

// withStrict is for http.Server.ConnContext.
func withStrict(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case *strict:
		return context.WithValue(ctx, strictKey{}, c)
	case *strictTLS:
		return context.WithValue(ctx, strictKey{}, &c.strict)
	}
	return ctx
}

// passAll ends the look at the visitor's bytes.
func passAll(ctx context.Context) {
	if s, ok := ctx.Value(strictKey{}).(*strict); ok {
		s.all.Store(true)
	}
}

// heads follows the requests of a connection: which bytes are heads, which are
// bodies, and whether the heads are of one meaning.
type heads struct {
	in     state
	line   []byte // of the head or chunk: its beginning and its end
	begun  bool   // the request line is over
	old    bool   // HTTP/1.0
	length string // Content-Length, "" if there is none
	chunks bool   // Transfer-Encoding
	hosts  int
	skip   int64 // bytes of the body or chunk still to come
}

type state uint8

const (
	inHead    state = iota
	inBody          // skip bytes, then another head
	inSize          // the line of a chunk's size
	inChunk         // skip bytes, the line end included, then another size
	inTrailer       // lines up to an empty one
	inUnknown       // net/http refuses what was said here and closes
)

const (
	maxLine = 128 // what is kept of a line: names and numbers that matter are shorter
	maxTail = 16  // of it from the end, where a request line says its version
)

// scan returns how many bytes of p are fine: all of them, or those before the one
// that makes the request ambiguous.
func (h *heads) scan(p []byte) int {
	for i := 0; i < len(p); {
		switch h.in {
		case inUnknown:
			return len(p)
		case inBody, inChunk:
			n := min(h.skip, int64(len(p)-i))
			i += int(n)
			if h.skip -= n; h.skip > 0 {
				continue
			}
			if h.in == inBody {
				h.next()
			} else {
				h.in = inSize
			}
		default:
			end := bytes.IndexByte(p[i:], '\n')
			if end < 0 {
				h.keep(p[i:])
				return len(p)
			}
			h.keep(p[i : i+end])
			line := bytes.TrimSuffix(h.line, []byte("\r"))
			h.line = h.line[:0]
			if !h.end(line) {
				return i + end // without the line's end: it is never complete
			}
			i += end + 1
		}
	}
	return len(p)
}

// keep adds to the line, whose middle is lost when it is long.
func (h *heads) keep(part []byte) {
	if n := len(part); n > maxLine {
		h.line = append(append(h.line, part[:maxLine]...), part[n-maxTail:]...)
	} else {
		h.line = append(h.line, part...)
	}
	if n := len(h.line); n > maxLine {
		copy(h.line[maxLine-maxTail:], h.line[n-maxTail:])
		h.line = h.line[:maxLine]
	}
}

// end takes a whole line and says whether it is fine.
func (h *heads) end(line []byte) bool {
	folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
	switch {
	case h.in == inSize:
		return h.size(string(line))
	case h.in == inTrailer:
		if len(line) == 0 {
			h.next()
		}
		return !folded
	case !h.begun:
		h.begun, h.old = true, bytes.HasSuffix(line, []byte(" HTTP/1.0"))
		return true
	case len(line) == 0:
		return h.body()
	case folded:
		return false
	}
	name, value, _ := strings.Cut(string(line), ":")
	switch strings.ToLower(strings.TrimRight(name, " \t")) {
	case "content-length":
		twice := h.length != ""
		h.length = strings.Trim(value, " \t")
		return !twice && !h.chunks && h.length != ""
	case "transfer-encoding":
		twice := h.chunks
		h.chunks = true
		return !twice && h.length == "" && !h.old
	case "host":
		h.hosts++
		return h.hosts == 1
	}
	return true
}

// size begins a chunk.
func (h *heads) size(line string) bool {
	digits, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(strings.TrimRight(digits, " \t"), 16, 62)
	switch {
	case err != nil:
		h.in = inUnknown
	case n == 0:
		h.in = inTrailer
	default:
		h.in, h.skip = inChunk, int64(n)+2
	}
	return true
}

// body is what follows the head that just ended.
func (h *heads) body() bool {
	if h.chunks {
		h.in = inSize
		return true
	}
	if h.length == "" {
		h.next()
		return true
	}
	n, err := strconv.ParseUint(h.length, 10, 62)
	if err != nil || len(h.length) > 20 {
		return false
	}
	if h.in, h.skip = inBody, int64(n); n == 0 {
		h.next()
	}
	return true
}

// next waits for another request.
func (h *heads) next() { *h = heads{line: h.line[:0]} }
