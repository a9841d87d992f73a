package api

import (
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// compressFrom: below it the header costs more than is saved.
const compressFrom = 1024

type writer = io.Writer

var gzips = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

func (c *call) acceptsGzip() bool { return accepts(c.Header.Get("Accept-Encoding"), "gzip") }

// accepts says whether an Accept-Encoding header takes the coding.
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		q := strings.ReplaceAll(strings.TrimSpace(params), " ", "")
		return !strings.HasPrefix(q, "q=0") || strings.Trim(q[3:], ".0") != ""
	}
	return false
}

// gzip sends what write writes, compressed, as it comes.
func (c *call) gzip(code int, write func(writer) error) error {
	c.w.Header().Set("Content-Encoding", "gzip")
	c.w.Header().Del("Content-Length")
	c.w.WriteHeader(code)
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(c.w)
	if err := write(z); err != nil {
		return err
	}
	return gone(z.Close())
}
