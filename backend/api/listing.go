package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"pc2/backend/files"
)

// listing answers a folder's entries while more of them are being read. A folder
// has no largest size, and its entries as JSON are many times what the rows are.
//
//	files.List ─▶ add ─▶ parts ─▶ run: encode, compress, send
type listing struct {
	c            *call
	paged, total bool // the answer is an object, and says how many there are

	parts chan []files.Entry
	sent  chan error // has one: how run ended
	page  files.Page // set before parts is closed
	cut   bool       // likewise: there will be no more, and the answer is no whole one
	ended bool       // parts is closed and run has ended
}

const (
	// waiting parts hold half a million entries: so far a slow client does not keep
	// the database at a moment.
	waiting   = 1024
	sendPiece = 128 << 10
)

// add takes a part.
func (l *listing) add(part []files.Entry) {
	if l.parts == nil {
		l.parts, l.sent = make(chan []files.Entry, waiting), make(chan error, 1)
		go func() { l.sent <- l.run() }()
	}
	select {
	case l.parts <- part:
	case err := <-l.sent: // the client has left; end will say so
		l.sent <- err
	}
}

// end answers err, or the rest of the page.
func (l *listing) end(page files.Page, err error) error {
	if l.parts == nil && err != nil {
		return err
	}
	if l.parts == nil {
		l.add(page.Items)
	}
	l.page = page
	if err := errors.Join(err, l.finish(err != nil)); err != nil {
		panic(http.ErrAbortHandler) // a part of it is out, or nobody is there
	}
	return nil
}

// abandon sees to it that run does not outlive the handler, also when that panics.
func (l *listing) abandon() {
	if l.parts != nil && !l.ended {
		_ = l.finish(true) // who panicked is told of, not what came of the answer
	}
}

func (l *listing) finish(cut bool) error {
	l.cut, l.ended = cut, true
	close(l.parts)
	return <-l.sent
}

// run sends the parts. It must not panic: it has a goroutine of its own.
func (l *listing) run() error {
	h := l.c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding")
	part := <-l.parts
	if len(part) <= 2 || !l.c.acceptsGzip() {
		l.c.w.WriteHeader(http.StatusOK)
		return l.send(l.c.moving(), part)
	}
	h.Set("Content-Encoding", "gzip")
	l.c.w.WriteHeader(http.StatusOK)
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(l.c.moving())
	return errors.Join(l.send(z, part), z.Close())
}

func (l *listing) send(w io.Writer, part []files.Entry) error {
	b := make([]byte, 0, sendPiece+4<<10)
	if l.paged {
		b = append(b, `{"items":`...)
	}
	b = append(b, '[')
	for first, more := true, true; more; part, more = <-l.parts {
		for i := range part {
			if !first {
				b = append(b, ',')
			}
			first = false
			if b = appendEntry(b, &part[i]); len(b) > sendPiece {
				if _, err := w.Write(b); err != nil {
					return err
				}
				b = b[:0]
			}
		}
	}
	if l.cut {
		return nil
	}
	b = append(b, ']')
	if l.paged {
		if l.page.Next != "" {
			b = appendText(append(b, `,"cursor":`...), l.page.Next)
		}
		if l.total {
			b = strconv.AppendInt(append(b, `,"total":`...), l.page.Total, 10)
		}
		b = append(b, '}')
	}
	_, err := w.Write(b)
	return err
}
