package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

const (
	pieceSize   = 4 * segSealed // read at once
	inlineRange = 512 << 10     // up to this, no goroutines
	readAhead   = 4             // pieces of a longer range: 1 MiB
	readWorkers = 2
)

// piece is a run of whole segments, at most four, and the part of them wanted.
type piece struct {
	buf   *[pieceSize]byte
	first int64 // segment
	skip  int64 // plain bytes of the first segment that are not wanted
	n     int64 // plain bytes wanted

	plain [4][]byte // of each segment, in buf
	err   error
	ready chan struct{}
}

// cut makes the piece that a range begins with.
func (r *Reader) cut(buf *[pieceSize]byte, off, n int64) *piece {
	skip := off % segPlain
	return &piece{buf: buf, first: off / segPlain, skip: skip, n: min(n, 4*segPlain-skip)}
}

// load reads a piece and opens its segments in place.
func (r *Reader) load(p *piece) error {
	end := (p.skip + p.n + segPlain - 1) / segPlain // segments
	from := p.first * segSealed
	length := min(end*segSealed, sealedSize(r.size)-from)
	b := p.buf[:length]
	if n, err := r.file.ReadAt(b, from); int64(n) < length {
		if errors.Is(err, io.EOF) {
			return corrupt(r.seal.id, fmt.Errorf("file ends early: %w", err))
		}
		return diskError("read", r.seal.id, err)
	}
	all := segments(r.size)
	for i := range end {
		n := p.first + i
		seg := b[i*segSealed : min((i+1)*segSealed, length)]
		plain, err := r.seal.open(seg, n, n == all-1)
		if err != nil {
			return corrupt(r.seal.id, fmt.Errorf("segment %d: %w", n, err))
		}
		p.plain[i] = plain
	}
	return nil
}

// writeTo writes what is wanted of a loaded piece.
func (p *piece) writeTo(w io.Writer) error {
	skip, n := p.skip, p.n
	for _, b := range p.plain {
		if n == 0 {
			return nil
		}
		b = b[skip:min(int64(len(b)), skip+n)]
		if _, err := w.Write(b); err != nil {
			return err
		}
		skip, n = 0, n-int64(len(b))
	}
	return nil
}

// writeAhead is WriteRange for long ranges: two workers load pieces ahead of the
// writer, which takes them in order. No goroutine outlives it.
//
//	       ┌─ worker: pread, open ─┐
//	cut ──▶┤                       ├─▶ ring of 4 pieces, in order ──▶ w
//	       └─ worker: pread, open ─┘
func (r *Reader) writeAhead(ctx context.Context, w io.Writer, off, n int64) error {
	work := make(chan *piece, readAhead)
	var stop atomic.Bool // what is still queued is not worth loading
	var wg sync.WaitGroup
	for range readWorkers {
		wg.Go(func() {
			for p := range work {
				if !stop.Load() {
					p.err = r.load(p)
				}
				close(p.ready)
			}
		})
	}
	var ring [readAhead]*piece
	send := func(i int, buf *[pieceSize]byte) {
		p := r.cut(buf, off, n)
		p.ready = make(chan struct{})
		off, n = off+p.n, n-p.n
		ring[i%readAhead] = p
		work <- p
	}
	defer func() {
		stop.Store(true)
		close(work)
		wg.Wait()
		for _, p := range ring {
			if p != nil {
				r.s.pieces.Put(p.buf)
			}
		}
	}()
	for i := 0; i < readAhead && n > 0; i++ {
		send(i, r.s.pieces.Get().(*[pieceSize]byte))
	}
	for i := 0; ring[i%readAhead] != nil; i++ {
		p := ring[i%readAhead]
		<-p.ready
		if p.err != nil {
			return p.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.writeTo(w); err != nil {
			return err
		}
		ring[i%readAhead] = nil
		if n > 0 {
			send(i, p.buf)
		} else {
			r.s.pieces.Put(p.buf)
		}
	}
	return nil
}
