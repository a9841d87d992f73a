package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

const (
	magic       = "PC2OBJ1\n"
	trailerSize = 40
	flagSealed  = 1 // the DAG is of ciphertext; the only flag so far
)

// trailer is the end of an object file.
type trailer struct {
	size  int64 // plain bytes
	tail  int64 // bytes between ciphertext and trailer
	leaf  int64
	flags uint32
}

// append encodes the trailer without its checksum, which covers these bytes too.
func (t trailer) append(b []byte) []byte {
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(t.tail))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.leaf))
	return binary.LittleEndian.AppendUint32(b, t.flags)
}

// writeTail writes what follows the ciphertext: leaf digests, inner nodes,
// trailer. It returns the root.
func writeTail(w io.Writer, size int64, leaves []digest) (cid.Cid, error) {
	sum := sha256.New()
	n := &counter{w: io.MultiWriter(w, sum)}
	for _, d := range leaves {
		if _, err := n.Write(d[:]); err != nil {
			return cid.Undef, err
		}
	}
	root, err := buildDAG(leaves, sealedSize(size), leafSize, func(node []byte) error {
		_, err := n.Write(append(binary.AppendUvarint(nil, uint64(len(node))), node...))
		return err
	})
	if err != nil {
		return cid.Undef, err
	}
	t := trailer{size: size, tail: n.n, leaf: leafSize, flags: flagSealed}.append(nil)
	sum.Write(t)
	_, err = w.Write(append(t, sum.Sum(nil)[:8]...))
	return root, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Info is what an object file says about itself.
type Info struct {
	Root   cid.Cid
	Size   int64 // plain bytes
	Leaf   int64 // bytes of a leaf
	Sealed bool  // the DAG is of ciphertext
}

// Inspect reads an object file of the given length without its row or key. It
// checks everything outside the ciphertext: the trailer, its checksum, and that
// the inner nodes are those that the leaf digests give. The ciphertext itself is
// not read. Errors are ErrCorrupt, or the reader's.
func Inspect(r io.ReaderAt, length int64) (Info, error) {
	t, sum, err := readTrailer(r, length)
	if err != nil {
		return Info{}, err
	}
	c := sealedSize(t.size)
	leaves := (c + t.leaf - 1) / t.leaf
	h := sha256.New()
	tail := io.TeeReader(io.NewSectionReader(r, c, t.tail), h)
	digests := make([]digest, leaves)
	for i := range digests {
		if _, err := io.ReadFull(tail, digests[i][:]); err != nil {
			return Info{}, short(err)
		}
	}
	var have, head []byte
	root, err := buildDAG(digests, c, t.leaf, func(node []byte) error {
		head = binary.AppendUvarint(head[:0], uint64(len(node)))
		have = append(have[:0], make([]byte, len(head)+len(node))...)
		if _, err := io.ReadFull(tail, have); err != nil {
			return short(err)
		}
		if !bytes.HasPrefix(have, head) || !bytes.Equal(have[len(head):], node) {
			return damaged("an inner node is not that of its children")
		}
		return nil
	})
	if err != nil {
		return Info{}, err
	}
	if n, err := io.CopyN(io.Discard, tail, 1); n > 0 {
		return Info{}, damaged("bytes after the root")
	} else if !errors.Is(err, io.EOF) {
		return Info{}, err
	}
	h.Write(t.append(nil))
	if !bytes.Equal(h.Sum(nil)[:8], sum) {
		return Info{}, damaged("checksum of the tail")
	}
	return Info{Root: root, Size: t.size, Leaf: t.leaf, Sealed: true}, nil
}

// readTrailer decodes the trailer and checks that its numbers fit the length, so
// that nothing is allocated on the word of a damaged file.
func readTrailer(r io.ReaderAt, length int64) (t trailer, sum []byte, err error) {
	if length < trailerSize {
		return t, nil, damaged("%d bytes are no object", length)
	}
	var b [trailerSize]byte
	if n, err := r.ReadAt(b[:], length-trailerSize); n < len(b) {
		return t, nil, short(err)
	}
	if string(b[:8]) != magic {
		return t, nil, damaged("no trailer")
	}
	size, tail := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	t = trailer{
		leaf:  int64(binary.LittleEndian.Uint32(b[24:])),
		flags: binary.LittleEndian.Uint32(b[28:]),
	}
	if size > maxSize || tail > maxSize {
		return t, nil, damaged("size %d, tail %d", size, tail)
	}
	t.size, t.tail = int64(size), int64(tail)
	if t.flags != flagSealed || t.leaf != leafSize {
		return t, nil, damaged("flags %#x, leaf %d: not of this version", t.flags, t.leaf)
	}
	if sealedSize(t.size)+t.tail+trailerSize != length {
		return t, nil, damaged("size %d and tail %d do not give %d bytes", t.size, t.tail, length)
	}
	return t, b[32:], nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

// short turns the end of a file that should go on into damage.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("file ends early")
	}
	return err
}
