// Package identity is who the node is: the recovery phrase, the keys that come
// from it, the data key that encrypts everything at rest, and the four files
// that make a folder a data directory.
//
//	id, db, err := identity.Open(ctx, identity.Config{Dir: dir, Log: log})
//	defer db.Close()
//	id.ID().DID()                       // did:boson:…
//	keyring := content.NewKeyring(id.DataKey())
//
// Open makes a new identity in an empty directory, opens the one that is there,
// or, given a recovery phrase, restores it. The caller holds the directory's
// lock: two Opens of one directory must not run at the same time.
//
// # From the phrase
//
//	phrase     24 words of BIP-39, English: 32 bytes of entropy and a checksum
//	BIP-39 seed  PBKDF2 of the phrase, empty passphrase: 64 bytes
//	  ├─ node seed    SLIP-0010, curve ed25519, m/44'/0'/0'   → boson.Key → node ID
//	  ├─ slot key     HKDF-SHA-256(salt of the slot, info "pc2 slot v1"), 32 bytes
//	  └─ device wallet  BIP-32, m/44'/60'/0'/0/0; the page derives it, never the node
//
// testdata/vectors.json has the whole chain, made by other implementations.
//
// # Files
//
// All sealing is AES-256-GCM; sealed = 12 random bytes of nonce ‖ ciphertext ‖
// 16 bytes of tag, in JSON as standard Base64. "store" is the store id as it
// stands in format.json: 32 lower-case hex digits, in ASCII.
//
//	encryption.key  the local key: 32 random bytes as 64 hex digits (a line end after them is accepted)
//	identity.json   nodeId, did, publicKey (SPKI in DER, hex), createdAt, adminWalletAddress, and
//	                sealedKey     of the 32-byte node seed   key HKDF-SHA-256(data key, no salt, info "pc2 identity seed v1")
//	                sealedPhrase  of the 32 bytes of entropy key HKDF-SHA-256(data key, no salt, info "pc2 identity phrase v1")
//	                associated data of both: store ‖ node ID in Base58
//	pc2.db          SQLite; settings.store_id repeats the store id
//	format.json     format (1), created, store_id, and keyslots: each holds the data key, 32 random bytes
//	                kind "local-file"  key: the local key itself
//	                kind "phrase"      key: the slot key above, salt: 32 random bytes
//	                associated data: store ‖ kind in ASCII
//
// A slot of a kind that this program does not know (an OS keychain, say) is
// left as it is. So are the others: each opens the same data key.
//
// The directory has mode 0700 and the files 0600. Other users' right to read is
// taken away with a warning. Their right to write is a refusal: they may have
// put their own keys in.
//
// # The commit point
//
//	encryption.key · identity.json · pc2.db   each written beside, synced, renamed
//	folder sync, and of those above it
//	format.json                               written beside, synced, renamed   ← commit
//	folder sync
//
// A file under its own name is therefore always whole. A directory without
// format.json holds nothing yet: what a first start left there is made anew. That
// is so only while there is no object and no row that somebody made; else
// format.json was lost, and with it the data key, and Open refuses.
//
// A restore of a directory that lost its local key writes encryption.key, then
// format.json with a new local slot. Killed between the two, the directory has a
// local key that opens nothing, and starts with the phrase again.
//
// # Refusals
//
// Whatever does not fit together is refused before the first byte is changed:
// an error with code data_refused (ErrRefused), whose field "file" names the file,
// or schema_too_new, phrase_mismatch. pc2.db is looked into without being opened
// for that, because opening would replay its WAL. The one exception: when the
// store id cannot be read from the main file alone and there is a WAL (power
// lost in the middle of a checkpoint), the database has to be opened to tell.
//
// # Secrets
//
// Phrase, DataKey, boson.Key and boson.Seed print as "redacted" whatever the verb,
// the logger or the encoder. The phrase leaves its type by Reveal alone.
package identity
