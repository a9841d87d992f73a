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
//	                kind "keychain"    key: 64 hex digits in the entry of the OS keychain, service PC2, account store id
//	                kind "phrase"      key: the slot key above, salt: 32 random bytes
//	                associated data: store ‖ kind in ASCII
//
// A slot of a kind that this program does not know (a security chip, say) is
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
// # File or keychain
//
// encryption.key is read first, then the keychain is asked (nobody is prompted),
// then the phrase is tried if one was given. So a directory with encryption.key
// opens everywhere, whoever made it. Config.Custody says where the key is to be:
//
//	first start          encryption.key                 local-file · phrase
//	keychain is open     entry written and read back,
//	                     then format.json               local-file · keychain · phrase
//	a later start        encryption.key removed,
//	                     then format.json                            keychain · phrase
//	security.keychain    encryption.key written,
//	is "off"             then format.json               local-file · phrase
//
// Each step is durable before the next, and killed between any two the directory
// opens. A key in a keychain protects the data when the disk is taken or the
// directory copied; it does not against programs of the same user. But a keychain
// can be locked when the PC starts, be out of reach for a service, and be reset
// by whoever forgets its password. So encryption.key goes only when
//
//   - the recovery phrase has been shown, or has opened or made these data: who
//     loses the keychain then loses nothing,
//   - the slot was there when the program started, and the keychain opened it
//     without a question (where PC2 starts at login: at a start at login),
//   - no program without a desktop (pc2d) has ever opened the directory: such a
//     one may have to start before anybody signs in.
//
// Until then both open the data, and nobody is locked out by an update or by
// another way of starting. The bytes of a removed file may still be found on the
// disk by who reads it raw.
//
// An entry is never removed, and one that can be a key never replaced: a copy or
// an older backup of the directory may need it. When there is no file and the
// keychain does not open the data, Open refuses with keychain_locked,
// keychain_unavailable, keychain_key_missing or keychain_key_wrong, changes
// nothing, makes no new key, and says what to do; the phrase opens the data and
// makes encryption.key anew.
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
