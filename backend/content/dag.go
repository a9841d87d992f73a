package content

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/ipfs/go-cid"
	dagpb "github.com/ipld/go-codec-dagpb"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/multiformats/go-multihash"
)

type digest [sha256.Size]byte

func toCID(codec uint64, d digest) cid.Cid {
	mh, err := multihash.Encode(d[:], multihash.SHA2_256)
	if err != nil {
		panic(err) // only a wrong length or an unknown code
	}
	return cid.NewCidV1(codec, mh)
}

// child is what an inner node says about one of its children.
type child struct {
	digest digest
	bytes  int64 // of the file below it
	total  int64 // of all blocks below it, its own included
}

// buildDAG makes the inner nodes over the leaves of n bytes, as boxo's
// balanced.Layout does: level by level, each node full but the last of its level,
// up to a single root. It hands each encoded node to emit in that order and
// returns the root. One leaf alone is the root itself, a raw block.
func buildDAG(leaves []digest, n, leaf int64, emit func(node []byte) error) (cid.Cid, error) {
	if len(leaves) == 1 {
		return toCID(cid.Raw, leaves[0]), nil
	}
	level := make([]child, len(leaves))
	for i, d := range leaves {
		size := min(leaf, n-int64(i)*leaf)
		level[i] = child{d, size, size}
	}
	codec := uint64(cid.Raw)
	for len(level) > 1 {
		var next []child
		for at := 0; at < len(level); at += maxLinks {
			below := level[at:min(at+maxLinks, len(level))]
			node, err := encodeNode(codec, below)
			if err != nil {
				return cid.Undef, err
			}
			if err := emit(node); err != nil {
				return cid.Undef, err
			}
			up := child{digest: sha256.Sum256(node), total: int64(len(node))}
			for _, c := range below {
				up.bytes += c.bytes
				up.total += c.total
			}
			next = append(next, up)
		}
		level, codec = next, cid.DagProtobuf
	}
	return toCID(codec, level[0].digest), nil
}

// encodeNode is the dag-pb block of one inner node.
func encodeNode(codec uint64, children []child) ([]byte, error) {
	node, err := qp.BuildMap(dagpb.Type.PBNode, 2, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "Links", qp.List(int64(len(children)), func(l datamodel.ListAssembler) {
			for _, c := range children {
				qp.ListEntry(l, qp.Map(3, func(m datamodel.MapAssembler) {
					qp.MapEntry(m, "Hash", qp.Link(cidlink.Link{Cid: toCID(codec, c.digest)}))
					qp.MapEntry(m, "Name", qp.String(""))
					qp.MapEntry(m, "Tsize", qp.Int(c.total))
				}))
			}
		}))
		qp.MapEntry(m, "Data", qp.Bytes(unixfs(children)))
	})
	if err != nil {
		return nil, fmt.Errorf("encode an inner node: %w", err)
	}
	b, err := dagpb.AppendEncode(make([]byte, 0, 64*len(children)), node)
	if err != nil {
		return nil, fmt.Errorf("encode an inner node: %w", err)
	}
	return b, nil
}

// unixfs is the protobuf message Data of a file's inner node. Four fields of
// varints: boxo's type for it would link the whole protobuf runtime.
func unixfs(children []child) []byte {
	const typ, fileSize, blockSizes, file = 1 << 3, 3 << 3, 4 << 3, 2
	var sum int64
	for _, c := range children {
		sum += c.bytes
	}
	b := []byte{typ, file, fileSize}
	b = binary.AppendUvarint(b, uint64(sum))
	for _, c := range children {
		b = binary.AppendUvarint(append(b, blockSizes), uint64(c.bytes))
	}
	return b
}
