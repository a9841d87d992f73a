package content

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/ipfs/go-cid"

	"pc2/backend/store"
)

// Options of Stage.
type Options struct {
	Digest bool  // also hash the plain bytes, into Draft.SHA256
	Size   int64 // how much will come, if known: refused at once if the disk has no room; 0 or less is unknown
}

// Draft is content that is durable and that nobody can see. Commit or Discard it.
type Draft struct {
	ID     ID
	Key    Key
	Size   int64   // plain bytes
	Root   cid.Cid // of the ciphertext's DAG
	SHA256 []byte  // of the plain bytes, when asked for

	inline []byte            // the ciphertext, when it is one segment; else there is a file
	buffer *[bufferSize]byte // what inline lies in

	mu   sync.Mutex
	used bool // by Commit or Discard
}

// Ref is what a reader needs.
func (d *Draft) Ref() Ref { return Ref{d.ID, d.Key, d.Size} }

// take says whether the caller is the first to use the draft.
func (d *Draft) take() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.used
	d.used = true
	return first
}

// Stage reads r to its end, seals what it reads and makes it durable. The
// reader's error is returned wrapped, a full disk is store.ErrFull; after any
// error nothing stays.
func (s *Store) Stage(ctx context.Context, r io.Reader, o Options) (*Draft, error) {
	if err := s.db.Broken(); err != nil {
		return nil, err // no commit can follow
	}
	if o.Size > segPlain {
		if err := s.room(sealedSize(min(o.Size, maxSize))); err != nil {
			return nil, err
		}
	}
	s.staged.Store(true)
	d := &Draft{Key: newKey()}
	var plain hash.Hash
	if o.Digest {
		plain = sha256.New()
	}
	// One segment and one byte: is it more than a segment?
	first := s.buffers.Get().(*[bufferSize]byte)
	n, err := fill(r, first[:segPlain+1], 0)
	switch {
	case err != nil:
		err = fmt.Errorf("read content: %w", err)
		s.buffers.Put(first)
	case n <= segPlain:
		err = ctx.Err()
		if plain != nil {
			plain.Write(first[:n])
		}
		d.ID, d.Size = s.inlineID(), int64(n)
		d.inline, d.buffer = newSealer(d.ID, d.Key).seal(first[:n], 0, true), first
		d.Root = toCID(cid.Raw, sha256.Sum256(d.inline))
	default:
		d.ID = newID()
		err = s.stageFile(ctx, d, &pipe{s: s, seal: newSealer(d.ID, d.Key), plain: plain}, first, r)
	}
	if err != nil {
		s.recycle(d)
		return nil, err
	}
	if plain != nil {
		d.SHA256 = plain.Sum(nil)
	}
	return d, nil
}

// recycle gives back what an inline draft lies in, when nothing will come of the
// draft any more.
func (s *Store) recycle(d *Draft) {
	if d.buffer != nil {
		s.buffers.Put(d.buffer)
		d.buffer, d.inline = nil, nil
	}
}

// room refuses what surely does not fit, before it has filled the disk.
func (s *Store) room(n int64) error {
	free, err := s.disk.Free()
	if err != nil || n <= free {
		return nil // not known is not full
	}
	return store.ErrFull.Because(fmt.Errorf("%d bytes do not fit into %d free ones", n, free))
}

// stageFile writes the object file, first holding what was read so far.
func (s *Store) stageFile(ctx context.Context, d *Draft, p *pipe, first *[bufferSize]byte, r io.Reader) error {
	f, mark, err := s.create(d.ID)
	if err != nil {
		s.buffers.Put(first)
		return diskError("create", d.ID, err)
	}
	durable := false
	defer func() {
		if !durable { // also when r panics
			f.Close()
			s.drop(d.ID)
		}
	}()
	leaves, size, err := p.run(ctx, f, first, r)
	if err != nil {
		return err
	}
	d.Size = size
	if d.Root, err = s.finish(d.ID, f, size, leaves); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return diskError("close", d.ID, err)
	}
	if err := s.folders[s.home(d.ID)].wait(mark); err != nil {
		return diskError("sync the folder of", d.ID, err)
	}
	durable = true
	return nil
}

// home is the folder that a new object is written to.
func (s *Store) home(id ID) string {
	if s.links {
		return incoming
	}
	return folder(id)
}

// create makes an object's file, so that whatever happens, incoming knows of it
// until it is committed. The mark is for the sync of its folder.
//
// A rename from incoming would not do on a disk without hard links: the removal
// there can reach the platter before the new entry does. So the file is made
// where it belongs, after a marker of its name is on the platter.
func (s *Store) create(id ID) (f file, mark int64, err error) {
	home := s.folders[s.home(id)]
	if s.links {
		mark = home.mark()
		f, err = s.disk.Create(pathIncoming(id))
		return f, mark, err
	}
	before := s.folders[incoming].mark()
	m, err := s.disk.Create(pathIncoming(id))
	if err != nil {
		return nil, 0, err
	}
	if err = m.Close(); err == nil {
		err = s.folders[incoming].wait(before)
	}
	if err == nil {
		mark = home.mark()
		f, err = s.disk.Create(pathFiled(id))
	}
	if err != nil {
		s.remove(pathIncoming(id))
	}
	return f, mark, err
}

// finish writes the tail and syncs the file. A sync that failed is never tried
// again: the kernel may have dropped the bytes and would say that all is well.
func (s *Store) finish(id ID, f file, size int64, leaves []digest) (cid.Cid, error) {
	w := bufio.NewWriterSize(io.NewOffsetWriter(full{f}, sealedSize(size)), 32<<10)
	root, err := writeTail(w, size, leaves)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return cid.Undef, diskError("write the tail of", id, err)
	}
	if err := f.Sync(); err != nil {
		return cid.Undef, diskError("sync", id, err)
	}
	return root, nil
}

// drop unlinks an object that no row refers to. What incoming knows of it goes
// last: if anything fails here, the next start's recovery does it.
func (s *Store) drop(id ID) {
	err := s.disk.Remove(pathFiled(id))
	// Without hard links an earlier try may have removed it and not have synced that.
	if err == nil || isGone(err) && !s.links {
		err = s.folders[folder(id)].join()
	}
	if err != nil && !isGone(err) {
		s.log.Warn("object could not be removed, the next start will try again", "object", id, "err", err)
		return
	}
	s.remove(pathIncoming(id))
}

// remove unlinks a name in incoming.
func (s *Store) remove(name string) {
	if err := s.disk.Remove(name); err != nil && !isGone(err) {
		s.log.Warn("file could not be removed, the next start will try again", "name", name, "err", err)
	}
}

// fill reads into b[have:] until it is full or r ends, and returns how much of b
// is filled. It is not io.ReadFull, which gives io.ErrUnexpectedEOF both for an
// end within b and for a reader that says so itself: a body that was cut off.
func fill(r io.Reader, b []byte, have int) (int, error) {
	for empty := 0; have < len(b); {
		n, err := r.Read(b[have:])
		have += n
		if err == io.EOF { // not wrapped: io.Reader says so
			return have, nil
		}
		if err != nil {
			return have, err
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty == 100 {
			return have, io.ErrNoProgress
		}
	}
	return have, nil
}

// full makes a short write an error, whatever the file says.
type full struct{ f file }

func (w full) WriteAt(p []byte, off int64) (int, error) {
	n, err := w.f.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}
