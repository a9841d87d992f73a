package content

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// Reader reads one object. Its methods may be called from any goroutine, and
// what it reads stays readable when the object is deleted meanwhile.
type Reader struct {
	s     *Store
	seal  sealer
	size  int64
	plain []byte // all of it, when the object is inline
	file  source // else: open until Close
}

// Open finds the object. ErrGone means that its row or file is not there; a
// damaged inline object is ErrCorrupt at once.
func (s *Store) Open(ctx context.Context, ref Ref) (*Reader, error) {
	r := &Reader{s: s, seal: newSealer(ref.ID, ref.Key), size: ref.Size}
	if ref.Size < 0 || ref.Size > maxSize {
		return nil, corrupt(ref.ID, fmt.Errorf("size %d", ref.Size))
	}
	if ref.Size > segPlain {
		f, err := s.openFile(ref.ID)
		if isGone(err) {
			return nil, gone(ref.ID)
		}
		if err != nil {
			return nil, diskError("open", ref.ID, err)
		}
		r.file = f
		return r, nil
	}
	var data []byte
	err := s.db.Read(ctx).QueryRow("SELECT data FROM inline WHERE id = ?", ref.ID).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, gone(ref.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("read inline %s: %w", ref.ID, err)
	}
	if r.plain, err = r.seal.open(data, 0, true); err != nil {
		return nil, corrupt(ref.ID, err)
	}
	if int64(len(r.plain)) != ref.Size {
		return nil, corrupt(ref.ID, fmt.Errorf("%d bytes, want %d", len(r.plain), ref.Size))
	}
	return r, nil
}

// openFile looks where the object belongs, then where it lies until it is filed
// away, then again where it belongs: it may have been on its way.
func (s *Store) openFile(id ID) (f source, err error) {
	for _, name := range []string{pathFiled(id), pathIncoming(id), pathFiled(id)} {
		if f, err = s.disk.Open(name); !isGone(err) {
			return f, err
		}
	}
	return nil, err
}

// Size is the number of plain bytes.
func (r *Reader) Size() int64 { return r.size }

// Close gives the file back.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// inRange checks n bytes at off.
func (r *Reader) inRange(off, n int64) error {
	if off < 0 || n < 0 || off > r.size || n > r.size-off {
		return outside(off, n, r.size)
	}
	return nil
}

// WriteRange writes n plain bytes from off on to w, each verified before it is
// written. After ErrCorrupt, w has a prefix of the range and no wrong byte.
func (r *Reader) WriteRange(ctx context.Context, w io.Writer, off, n int64) error {
	if err := r.inRange(off, n); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	if r.plain != nil {
		_, err := w.Write(r.plain[off : off+n])
		return err
	}
	if n > inlineRange {
		return r.writeAhead(ctx, w, off, n)
	}
	buf := r.s.pieces.Get().(*[pieceSize]byte)
	defer r.s.pieces.Put(buf)
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := r.cut(buf, off, n)
		if p.err = r.load(p); p.err != nil {
			return p.err
		}
		if err := p.writeTo(w); err != nil {
			return err
		}
		off, n = off+p.n, n-p.n
	}
	return nil
}

// ReadAt is io.ReaderAt over the plain bytes.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, outside(off, int64(len(p)), r.size)
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), r.size-off)
	to := &into{p: p[:0]}
	if err := r.WriteRange(context.Background(), to, off, want); err != nil {
		return len(to.p), err
	}
	if want < int64(len(p)) {
		return int(want), io.EOF
	}
	return int(want), nil
}

// into collects what is written in a slice that is long enough.
type into struct{ p []byte }

func (i *into) Write(b []byte) (int, error) {
	i.p = append(i.p, b...)
	return len(b), nil
}
