// Package boson holds what every part of the Boson network shares: the Id of a
// node, peer or device, and the Ed25519 key behind it.
//
//	key := boson.KeyFromSeed(seed)
//	key.ID().String() // FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF
//	key.ID().DID()    // did:boson:FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF
//	ok := boson.Verify(id, message, signature)
//
// # Ids
//
// An ID is 32 bytes: an Ed25519 public key (node, peer, user, device) or a hash
// (immutable value). Its text is Base58 with the Bitcoin alphabet, no checksum
// and no version byte; ParseID takes that form alone, so that equal Ids have
// equal texts. ParseDID takes the same text after "did:boson:".
//
// # Keys
//
// A Key is made from its 32-byte seed; the public key is always derived, never
// read from outside. Key and Seed print as "redacted", whatever the verb, the
// logger or the encoder.
//
// Verify also refuses keys that libsodium, which the reference nodes use,
// refuses: encodings of no reduced form, and the points of small order, for
// which anybody can make signatures.
//
// The package imports nothing of ours, so its errors are plain values.
package boson
