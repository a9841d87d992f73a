package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// boxoRoot adds bytes the way Kubo's profile unixfs-v1-2025 does, with leaves of
// that size, and keeps nothing.
func boxoRoot(t testing.TB, r io.Reader, leaf int64) cid.Cid {
	t.Helper()
	params := helpers.DagBuilderParams{
		Maxlinks: 1024, RawLeaves: true, CidBuilder: merkledag.V1CidPrefix(), Dagserv: nowhere{},
	}
	db, err := params.New(chunk.NewSizeSplitter(r, leaf))
	if err != nil {
		t.Fatal(err)
	}
	n, err := balanced.Layout(db)
	if err != nil {
		t.Fatal(err)
	}
	return n.Cid()
}

// nowhere is a DAG service that only takes.
type nowhere struct{ ipld.DAGService }

func (nowhere) Add(context.Context, ipld.Node) error { return nil }

func TestRootIsThatOfBoxoOverTheCiphertext(t *testing.T) {
	s := setup(t)
	for i, size := range sizes {
		b := plain(uint64(i), size)
		d := put(t, s, strconv.Itoa(i), b)
		sealed := stored(t, s, d.ID)
		if sealed == nil {
			var err error
			sealed, err = os.ReadFile(filepath.Join(s.dir(t), pathIncoming(d.ID)))
			if err != nil {
				t.Fatal(err)
			}
			info, err := Inspect(bytes.NewReader(sealed), int64(len(sealed)))
			if err != nil || !info.Root.Equals(d.Root) || info.Size != size {
				t.Fatal(size, info, err)
			}
			sealed = sealed[:sealedSize(size)]
		}
		if want := boxoRoot(t, bytes.NewReader(sealed), 1<<20); !want.Equals(d.Root) {
			t.Fatalf("size %d: root %s, boxo says %s", size, d.Root, want)
		}
	}
}

// dir is the folder objects/.
func (s *Store) dir(t testing.TB) string {
	d, ok := s.disk.(rooted)
	if !ok {
		t.Fatal("not a real folder")
	}
	return d.root.Name()
}

// resealed is the ciphertext of a draft, made again from the plain bytes.
type resealed struct {
	plain  io.Reader
	seal   sealer
	n, all int64 // segments
	rest   []byte
	buf    [segSealed]byte
}

func (r *resealed) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.n == r.all {
			return 0, io.EOF
		}
		n, err := fill(r.plain, r.buf[:segPlain], 0)
		if err != nil {
			return 0, err
		}
		r.rest = r.seal.seal(r.buf[:n], r.n, r.n == r.all-1)
		r.n++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Around the border where an inner node is full: 1 GiB goes through Stage.
func TestRootAround1024Leaves(t *testing.T) {
	if testing.Short() {
		t.Skip("3 GiB to seal and hash twice")
	}
	s, err := Open(Config{DB: openTestDB(t, ramDir(t)), disk: &forgetful{sim: newSim()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{1023 * 16 * segPlain, 1024 * 16 * segPlain, 1024*16*segPlain + 1} {
		d, err := s.Stage(t.Context(), newStream(size), Options{})
		if err != nil {
			t.Fatal(err)
		}
		sealed := &resealed{plain: newStream(size), seal: newSealer(d.ID, d.Key), all: segments(size)}
		if want := boxoRoot(t, sealed, 1<<20); !want.Equals(d.Root) || d.Size != size {
			t.Fatalf("size %d: root %s, boxo says %s", size, d.Root, want)
		}
	}
}

// forgetful is a disk in memory that drops what is written to its files.
type forgetful struct{ *sim }

func (f *forgetful) Create(name string) (file, error) {
	h, err := f.sim.Create(name)
	return dropping{h}, err
}

type dropping struct{ file }

func (dropping) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// Three levels of inner nodes, with leaves of four bytes.
func TestRootOfManyLevels(t *testing.T) {
	counts := []int{1, 2, 1023, 1024, 1025, 2048, 2049, 1024*1024 + 1}
	if testing.Short() {
		counts = counts[:7]
	}
	for _, n := range counts {
		b := plain(uint64(n), int64(4*n-1)) // the last leaf is shorter
		leaves := make([]digest, n)
		for i := range leaves {
			leaves[i] = sha256.Sum256(b[4*i : min(4*i+4, len(b))])
		}
		nodes := 0
		root, err := buildDAG(leaves, int64(len(b)), 4, func([]byte) error { nodes++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if want := boxoRoot(t, bytes.NewReader(b), 4); !want.Equals(root) {
			t.Fatalf("%d leaves, %d nodes: root %s, boxo says %s", n, nodes, root, want)
		}
	}
}
