package content

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

// buffersPerLane times 128 KiB is a stream's memory: 1 MiB, whatever the leaf size.
const buffersPerLane = 8

// pipe is the way of one upload from its reader to its file:
//
//	reader ─▶ seal in place ─▶ lane: hash the leaf, write ─▶ buffer back
//	          (caller)         (goroutine)
type pipe struct {
	s     *Store
	seal  sealer
	plain hash.Hash // nil, or fed with the plain bytes

	file   file
	free   chan *batch
	made   int // batches in existence; all fit into free
	failed atomic.Pointer[error]
}

// batch is a buffer of two segments. A leaf is a whole number of them.
type batch struct {
	b   *[bufferSize]byte
	n   int   // sealed bytes in b
	off int64 // of b in the object
}

// run moves everything from r to f and returns the leaves' digests and the plain
// size. first holds one segment and one byte more. No goroutine outlives it.
func (p *pipe) run(ctx context.Context, f file, first *[bufferSize]byte, r io.Reader) ([]digest, int64, error) {
	p.file = f
	p.free = make(chan *batch, buffersPerLane)
	p.made = 1
	in := make(chan *batch, buffersPerLane)
	var leaves []digest
	var wg sync.WaitGroup
	wg.Go(func() { leaves = p.lane(in) })
	size, err := p.pump(ctx, &batch{b: first}, r, in)
	close(in)
	wg.Wait()
	for range p.made {
		p.s.buffers.Put((<-p.free).b)
	}
	if failed := p.failed.Load(); failed != nil {
		err = *failed // the cause, if the pump noticed at all
	}
	return leaves, size, err
}

// pump reads, seals and sends. Whether a segment is the last is known only when
// one more byte was asked for, so each read is one byte ahead; the tag takes
// that byte's place once it was carried over. Every batch ends in p.free.
func (p *pipe) pump(ctx context.Context, b *batch, r io.Reader, out chan<- *batch) (size int64, err error) {
	have := segPlain + 1
	for n := int64(0); ; n++ {
		slot := b.b[b.n:][:segSealed]
		if n > 0 {
			if have, err = fill(r, slot[:segPlain+1], 1); err != nil {
				p.free <- b
				return 0, fmt.Errorf("read content: %w", err)
			}
		}
		last := have <= segPlain
		next := slot[segPlain] // only if not last
		plain := slot[:min(have, segPlain)]
		if p.plain != nil {
			p.plain.Write(plain)
		}
		size += int64(len(plain))
		b.n += len(p.seal.seal(plain, n, last))
		if last || b.n == bufferSize {
			off := b.off + int64(b.n)
			out <- b
			if last {
				return size, nil
			}
			if b, err = p.get(ctx); err != nil {
				return 0, err
			}
			b.n, b.off = 0, off
		}
		b.b[b.n] = next
	}
}

// get returns a free batch, unless there is no point in going on.
func (p *pipe) get(ctx context.Context) (*batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if failed := p.failed.Load(); failed != nil {
		return nil, *failed
	}
	select {
	case b := <-p.free:
		return b, nil
	default:
	}
	if p.made < cap(p.free) {
		p.made++
		return &batch{b: p.s.buffers.Get().(*[bufferSize]byte)}, nil
	}
	return <-p.free, nil // the lane gives every batch back, after a failure too
}

// lane hashes and writes what comes, and returns the digests of its leaves.
func (p *pipe) lane(in <-chan *batch) []digest {
	var leaves []digest
	h := sha256.New()
	fed := int64(0)
	end := func() {
		leaves = append(leaves, digest(h.Sum(nil)))
		h.Reset()
		fed = 0
	}
	for b := range in {
		if p.failed.Load() == nil {
			h.Write(b.b[:b.n])
			if fed += int64(b.n); fed == leafSize {
				end()
			}
			if _, err := (full{p.file}).WriteAt(b.b[:b.n], b.off); err != nil {
				err = diskError("write", p.seal.id, err)
				p.failed.Store(&err)
			}
		}
		p.free <- b
	}
	if fed > 0 {
		end()
	}
	return leaves
}
