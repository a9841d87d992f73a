// Package names is who is called what: signed claims on names, and the registry
// of a super node that keeps them.
//
//	name, err := names.Parse("alice")
//	claim := names.Sign(key, names.Claim{Op: names.Register, Name: name, Device: relayDevice, SuperNode: sn, Seq: seq, Time: now})
//	body := claim.JSON()                                   // what POST /api/register takes
//
//	reg := names.NewRegistry(names.Config{Store: sqlite, Self: sn})
//	rec, err := reg.Apply(ctx, body, visitorAddress)       // verifies, decides, stores
//	rec, err := reg.Lookup(ctx, name)
//
// A claim says that the node of a key has a name at one super node, and which
// relay device speaks for that node (its key is another: a relay client signs
// whatever challenge it is sent). The signature is Ed25519 by the node key over
//
//	"pc2-name-v1\n" ‖ RFC 8785 canonical JSON of every field but "signature"
//
// so a super node, which has none of these keys, can keep a claim and show it,
// and can neither make nor change one. What else a client puts into the object
// (an "endpoint", say) is covered by the signature and otherwise ignored.
//
// A Reach is signed in the same way, over "pc2-reach-v1\n" ‖ …: a node's wish to
// be dialled back. Registry.Reach grants it to nodes that have a name.
//
// First come, first served: afterwards only the same key changes a name, with a
// seq above the last one. A released name is free at once and keeps its last seq,
// so that an old claim of the same key cannot be played again. A name whose node
// was not seen for 180 days is free too.
package names
