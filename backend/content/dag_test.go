package content

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	dagtest "github.com/ipfs/boxo/ipld/merkledag/test"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	"github.com/ipfs/go-cid"
)

// boxoRoot adds bytes the way Kubo's profile unixfs-v1-2025 does.
func boxoRoot(t testing.TB, r io.Reader) cid.Cid {
	t.Helper()
	params := helpers.DagBuilderParams{
		Maxlinks: 1024, RawLeaves: true, CidBuilder: merkledag.V1CidPrefix(), Dagserv: dagtest.Mock(),
	}
	db, err := params.New(chunk.NewSizeSplitter(r, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	n, err := balanced.Layout(db)
	if err != nil {
		t.Fatal(err)
	}
	return n.Cid()
}

func TestRootIsThatOfBoxoOverTheCiphertext(t *testing.T) {
	s := setup(t)
	for i, size := range sizes {
		b := plain(uint64(i), size)
		d := put(t, s, strconv.Itoa(i), b)
		var sealed []byte
		if d.inline != nil {
			sealed = d.inline
		} else {
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
		if want := boxoRoot(t, bytes.NewReader(sealed)); !want.Equals(d.Root) {
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
