// Package boson holds what every part of the Boson network shares: the Id of a
// node, peer or device, the Ed25519 key behind it, and the boxes in which two
// keys send each other messages.
//
//	key := boson.KeyFromSeed(seed)
//	key.ID().String() // FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF
//	key.ID().DID()    // did:boson:FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF
//	ok := boson.Verify(id, message, signature)
//
//	box, err := key.Box(other) // X25519 of both Ed25519 keys, XSalsa20-Poly1305
//	exchange := boson.NewContext(box)
//	message := exchange.Seal(nil, plain)
//
// # Ids
//
// An ID is 32 bytes: an Ed25519 public key (node, peer, user, device) or a hash
// (immutable value). Its text is Base58 with the Bitcoin alphabet, no checksum
// and no version byte; ParseID takes that form alone, so that equal Ids have
// equal texts. ParseDID takes the same text after "did:boson:", ParseHexID hex
// digits, and ParseAnyID whatever a person may have typed. As a number, an ID is
// big-endian; Distance is XOR.
//
// # Keys
//
// A Key is made from its 32-byte seed; the public key is always derived, never
// read from outside: ParseKey refuses a private key whose second half is not the
// public key of the first. What holds a secret prints as "redacted", whatever
// the verb, the logger or the encoder; Key.Reveal alone gives it as text.
//
// Verify also refuses keys that libsodium, which the reference nodes use,
// refuses: encodings of no reduced form, and the points of small order, for
// which anybody can make signatures. Nor is anything boxed for such keys.
//
// A node shows itself to relays with device keys, one per relay, made by
// Key.RelayDevice. The type keeps the two apart: what signs a relay's challenge
// can never be the key that signs names.
//
// # Boxes
//
// A Box seals with a nonce that the caller chooses (records of the DHT). A
// Context chooses nonces itself and sends them along (datagrams, relay packets);
// it is made for one exchange and shared by all connections of it.
//
// The box is NaCl's; the cipher in it is package salsa, which is the library's where
// the processor has no AVX2.
//
// The package imports nothing of ours but that, so its errors are plain values.
package boson
