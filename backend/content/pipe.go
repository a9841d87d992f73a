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

const (
	// inFlight buffers of 128 KiB are a stream's memory: 1 MiB, whatever the leaf size.
	inFlight = 8
	// lanes hash and write at once, each a leaf of its own. With one, hashing and
	// writing wait for each other: half the speed on an idle machine.
	lanes = 2
)

// pipe is the way of one upload from its reader to its file:
//
//	                      ┌─▶ lane: hash leaf 0, 2, …; write ─┐
//	reader ─▶ seal in place                                   ├─▶ buffer back
//	          (caller)    └─▶ lane: hash leaf 1, 3, …; write ─┘
type pipe struct {
	s     *Store
	seal  sealer
	plain hash.Hash // nil, or fed with the plain bytes

	file   file
	free   chan *batch
	made   int // batches in existence; all fit into free
	lanes  [lanes]chan *batch
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
func (p *pipe) run(ctx context.Context, f file, first *[bufferSize]byte, r io.Reader) (leaves []digest, size int64, err error) {
	p.file = f
	p.free = make(chan *batch, inFlight)
	p.made = 1
	var of [lanes][]digest
	var wg sync.WaitGroup
	for i := range p.lanes {
		p.lanes[i] = make(chan *batch, inFlight)
		wg.Go(func() { of[i] = p.lane(p.lanes[i]) })
	}
	func() {
		defer func() { // also when r panics
			for _, l := range p.lanes {
				close(l)
			}
			wg.Wait()
		}()
		size, err = p.pump(ctx, &batch{b: first}, r)
	}()
	for range p.made {
		p.s.buffers.Put((<-p.free).b)
	}
	if failed := p.failed.Load(); failed != nil {
		err = *failed // the cause, if the pump noticed at all
	}
	if err != nil {
		return nil, 0, err
	}
	leaves = make([]digest, 0, (sealedSize(size)+leafSize-1)/leafSize)
	for i := range cap(leaves) {
		leaves = append(leaves, of[i%lanes][i/lanes])
	}
	return leaves, size, nil
}

// pump reads, seals and sends. Whether a segment is the last is known only when
// one more byte was asked for, so each read is one byte ahead; the tag takes
// that byte's place once it was carried over. Every batch ends in p.free.
func (p *pipe) pump(ctx context.Context, b *batch, r io.Reader) (size int64, err error) {
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
		if size += int64(len(plain)); size > maxSize {
			p.free <- b
			return 0, errTooLarge
		}
		b.n += len(p.seal.seal(plain, n, last))
		if last || b.n == bufferSize {
			off := b.off + int64(b.n)
			p.lanes[b.off/leafSize%lanes] <- b
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
	return <-p.free, nil // the lanes give every batch back, after a failure too
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
