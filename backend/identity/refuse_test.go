//go:build unix

package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pc2/backend/fault"
	"pc2/backend/store"
)

// refusal is a directory that must be left alone, byte for byte.
type refusal struct {
	name   string
	harm   func(*testing.T, harmed) // what happened to a directory that was in order
	phrase string                   // "", "mine" or "other"
	file   string                   // that the error names; "" with code
	code   string                   // default data_refused
}

type harmed struct {
	dir         string
	mine, other template
}

func (h harmed) path(name string) string { return filepath.Join(h.dir, name) }

// put replaces a file's content; edit one field of a JSON file; flip one bit of a Base64 field.
func put(name, data string) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) { write(t, h.path(name), []byte(data)) }
}

func drop(names ...string) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) {
		for _, name := range names {
			remove(t, h.path(name))
		}
	}
}

func set(file, key string, value any) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) {
		edit(t, h.path(file), func(m map[string]any) {
			if m[key] = value; value == nil {
				delete(m, key)
			}
		})
	}
}

func cut(name string, n int) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) { write(t, h.path(name), h.mine.files[name][:n]) }
}

func theirs(names ...string) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) {
		for _, name := range names {
			write(t, h.path(name), h.other.files[name])
		}
	}
}

func mode(name string, m os.FileMode) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) {
		if err := os.Chmod(h.path(name), m); err != nil {
			t.Fatal(err)
		}
	}
}

func all(harms ...func(*testing.T, harmed)) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) {
		for _, harm := range harms {
			harm(t, h)
		}
	}
}

func slots(change func([]any) []any) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) {
		edit(t, h.path(formatFile), func(m map[string]any) { m["keyslots"] = change(m["keyslots"].([]any)) })
	}
}

func flip(text any) string {
	b, err := base64.StdEncoding.DecodeString(text.(string))
	if err != nil {
		panic(err)
	}
	b[len(b)/2] ^= 1
	return base64.StdEncoding.EncodeToString(b)
}

func inPlaceOf(name string, lay func(path string) error) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) {
		os.Remove(h.path(name))
		if err := lay(h.path(name)); err != nil {
			t.Fatal(err)
		}
	}
}

func folder(path string) error { return os.Mkdir(path, 0o700) }
func fifo(path string) error   { return syscall.Mkfifo(path, 0o600) }

func link(path string) error { // to a file that would do
	return os.Symlink("elsewhere", path)
}

// record makes an identity.json whose seals are whole but whose parts are not of one phrase.
func mixed(change func(r *record, mine, other template)) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) {
		r := newRecord(h.mine.id.key, h.mine.phrase, h.mine.id.DataKey(), h.mine.id.storeID, h.mine.id.Created())
		change(r, h.mine, h.other)
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		write(t, h.path(recordFile), b)
	}
}

func TestRefusedAndUntouched(t *testing.T) {
	const newer = "schema_too_new"
	later := func(t *testing.T, h harmed) {
		query(t, h.path(dbFile), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)", "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	tests := []refusal{
		// format.json
		{name: "empty", harm: put(formatFile, ""), file: formatFile},
		{name: "cut off", harm: cut(formatFile, 100), file: formatFile},
		{name: "one byte short of an end", harm: cut(formatFile, 300), file: formatFile},
		{name: "garbage", harm: put(formatFile, "\x00\xff"), file: formatFile},
		{name: "null", harm: put(formatFile, "null"), file: formatFile},
		{name: "an array", harm: put(formatFile, "[]"), file: formatFile},
		{name: "too long", harm: put(formatFile, strings.Repeat(" ", maxJSON)+"{}"), file: formatFile},
		{name: "something after it", harm: func(t *testing.T, h harmed) {
			write(t, h.path(formatFile), append(h.mine.files[formatFile], '{'))
		}, file: formatFile},
		{name: "a folder", harm: inPlaceOf(formatFile, folder), file: formatFile},
		{name: "a pipe", harm: inPlaceOf(formatFile, fifo), file: formatFile},
		{name: "a link", harm: inPlaceOf(formatFile, link), file: formatFile},
		{name: "format 0", harm: set(formatFile, "format", 0), file: formatFile},
		{name: "format -1", harm: set(formatFile, "format", -1), file: formatFile},
		{name: "format 1.5", harm: set(formatFile, "format", 1.5), file: formatFile},
		{name: "format as text", harm: set(formatFile, "format", "1"), file: formatFile},
		{name: "format 2", harm: set(formatFile, "format", 2), code: newer},
		{name: "format 2 with other fields", harm: put(formatFile, `{"format":2,"vault":"x"}`), code: newer},
		{name: "format 2, with the phrase", harm: set(formatFile, "format", 2), phrase: "mine", code: newer},
		{name: "unknown field", harm: set(formatFile, "vault", true), file: formatFile},
		{name: "no store id", harm: set(formatFile, "store_id", nil), file: formatFile},
		{name: "store id in capitals", harm: set(formatFile, "store_id", strings.Repeat("AB", 16)), file: formatFile},
		{name: "short store id", harm: set(formatFile, "store_id", "ab"), file: formatFile},
		{name: "no created", harm: set(formatFile, "created", nil), file: formatFile},
		{name: "created is no time", harm: set(formatFile, "created", "yesterday"), file: formatFile},
		{name: "no slots", harm: set(formatFile, "keyslots", nil), file: formatFile},
		{name: "empty slots", harm: set(formatFile, "keyslots", []any{}), file: formatFile},
		{name: "slot without kind", harm: set(formatFile, "keyslots", []any{map[string]any{}}), file: formatFile},
		{name: "slot twice", harm: slots(func(s []any) []any { return append(s, s[0]) }), file: formatFile},
		{name: "too many slots", harm: slots(func(s []any) []any {
			for range 20 {
				s = append(s, map[string]any{"kind": strings.Repeat("x", len(s))})
			}
			return s
		}), file: formatFile},
		{name: "short slot", harm: slots(func(s []any) []any { s[0].(map[string]any)["sealed"] = "AAAA"; return s }), file: formatFile},
		{name: "slot is no Base64", harm: slots(func(s []any) []any { s[0].(map[string]any)["sealed"] = "!"; return s }), file: formatFile},
		{name: "phrase slot without salt", harm: slots(func(s []any) []any { delete(s[1].(map[string]any), "salt"); return s }), file: formatFile},
		{name: "unknown field in a slot", harm: slots(func(s []any) []any { s[0].(map[string]any)["x"] = 1; return s }), file: formatFile},
		{name: "damaged local slot", harm: slots(func(s []any) []any { m := s[0].(map[string]any); m["sealed"] = flip(m["sealed"]); return s }), file: keyFile},
		{name: "no local slot", harm: slots(func(s []any) []any { return s[1:] }), file: keyFile},
		{name: "format.json is another directory's", harm: theirs(formatFile), file: keyFile},
		{name: "another store id", harm: set(formatFile, "store_id", strings.Repeat("00", 16)), file: keyFile},

		// encryption.key
		{name: "missing", harm: drop(keyFile), file: keyFile},
		{name: "empty", harm: put(keyFile, ""), file: keyFile},
		{name: "63 digits", harm: cut(keyFile, 63), file: keyFile},
		{name: "65 digits", harm: func(t *testing.T, h harmed) { write(t, h.path(keyFile), append(h.mine.files[keyFile], '0')) }, file: keyFile},
		{name: "no hex", harm: put(keyFile, strings.Repeat("x", 64)), file: keyFile},
		{name: "raw bytes", harm: put(keyFile, strings.Repeat("\x01", 32)), file: keyFile},
		{name: "very long", harm: put(keyFile, strings.Repeat("0", 1<<20)), file: keyFile},
		{name: "another directory's", harm: theirs(keyFile), file: keyFile},
		{name: "a pipe", harm: inPlaceOf(keyFile, fifo), file: keyFile},
		{name: "a link", harm: inPlaceOf(keyFile, link), file: keyFile},
		{name: "damaged, with the phrase", harm: cut(keyFile, 63), phrase: "mine", file: keyFile},
		{name: "writable by the group", harm: mode(keyFile, 0o620), file: keyFile},
		{name: "writable by all", harm: mode(keyFile, 0o602), file: keyFile},

		// identity.json
		{name: "missing", harm: drop(recordFile), file: recordFile},
		{name: "empty", harm: put(recordFile, ""), file: recordFile},
		{name: "cut off", harm: cut(recordFile, 200), file: recordFile},
		{name: "too long", harm: put(recordFile, strings.Repeat(" ", maxJSON+1)), file: recordFile},
		{name: "a folder", harm: inPlaceOf(recordFile, folder), file: recordFile},
		{name: "another directory's", harm: theirs(recordFile), file: recordFile},
		{name: "another directory's, with that phrase", harm: theirs(recordFile), phrase: "other", file: recordFile},
		{name: "unknown field", harm: set(recordFile, "privateKey", "00"), file: recordFile},
		{name: "no nodeId", harm: set(recordFile, "nodeId", nil), file: recordFile},
		{name: "nodeId too short", harm: set(recordFile, "nodeId", "abc"), file: recordFile},
		{name: "did of another", harm: set(recordFile, "did", "did:boson:11111111111111111111111111111111"), file: recordFile},
		{name: "public key of another", harm: set(recordFile, "publicKey", spki+strings.Repeat("00", 32)), file: recordFile},
		{name: "wallet is none", harm: set(recordFile, "adminWalletAddress", "0x12"), file: recordFile},
		{name: "no createdAt", harm: set(recordFile, "createdAt", nil), file: recordFile},
		{name: "no sealed key", harm: set(recordFile, "sealedKey", nil), file: recordFile},
		{name: "damaged sealed key", harm: mixed(func(r *record, _, _ template) { r.SealedKey[20] ^= 1 }), file: recordFile},
		{name: "damaged sealed phrase", harm: mixed(func(r *record, _, _ template) { r.SealedPhrase[20] ^= 1 }), file: recordFile},
		{name: "key and phrase swapped", harm: mixed(func(r *record, _, _ template) { r.SealedKey, r.SealedPhrase = r.SealedPhrase, r.SealedKey }), file: recordFile},
		{name: "named for another node", harm: mixed(func(r *record, _, other template) {
			their := newRecord(other.id.key, other.phrase, other.id.DataKey(), other.id.storeID, other.id.Created())
			r.NodeID, r.DID, r.PublicKey = their.NodeID, their.DID, their.PublicKey
		}), file: recordFile},
		{name: "sealed key of another phrase", harm: mixed(func(r *record, mine, other template) {
			seed := other.id.key.Seed()
			data := mine.id.DataKey()
			r.SealedKey = seal(derive(data[:], nil, labelSeed), seed[:], mine.id.storeID+r.NodeID.String())
		}), file: recordFile},
		{name: "sealed phrase of another key", harm: mixed(func(r *record, mine, other template) {
			entropy := other.phrase.entropy()
			data := mine.id.DataKey()
			r.SealedPhrase = seal(derive(data[:], nil, labelPhrase), entropy[:], mine.id.storeID+r.NodeID.String())
		}), file: recordFile},
		{name: "writable by the group", harm: mode(recordFile, 0o660), file: recordFile},

		// pc2.db
		{name: "missing", harm: drop(dbFile), file: dbFile},
		{name: "missing, with the phrase and no key", harm: drop(dbFile, keyFile), phrase: "mine", file: dbFile},
		{name: "missing, its WAL there", harm: all(func(t *testing.T, h harmed) {
			to := t.TempDir()
			warm(t, h.dir, to, "UPDATE settings SET updated_at = 1")
			write(t, h.path(dbFile+"-wal"), read(t, filepath.Join(to, dbFile+"-wal")))
		}, drop(dbFile)), file: dbFile},
		{name: "empty", harm: put(dbFile, ""), file: dbFile},
		{name: "garbage", harm: put(dbFile, strings.Repeat("x", 8192)), file: dbFile},
		{name: "cut off", harm: cut(dbFile, 5000), file: dbFile},
		{name: "another directory's", harm: theirs(dbFile), file: dbFile},
		{name: "another directory's, with the phrase and no key", harm: all(theirs(dbFile), drop(keyFile)), phrase: "mine", file: dbFile},
		{name: "another directory's after kill -9", harm: func(t *testing.T, h harmed) {
			from := t.TempDir()
			lay(t, from, h.other.files)
			to := t.TempDir()
			warm(t, from, to, "UPDATE settings SET updated_at = 1")
			for _, name := range []string{dbFile, dbFile + "-wal", dbFile + "-shm"} {
				write(t, h.path(name), read(t, filepath.Join(to, name)))
			}
		}, file: dbFile},
		{name: "no store id", harm: func(t *testing.T, h harmed) { query(t, h.path(dbFile), "DELETE FROM settings") }, file: dbFile},
		{name: "other tables", harm: all(drop(dbFile), func(t *testing.T, h harmed) { query(t, h.path(dbFile), "CREATE TABLE files (x)") }), file: dbFile},
		{name: "newer schema", harm: later, code: newer},
		{name: "newer schema, with the phrase and no key", harm: all(later, drop(keyFile)), phrase: "mine", code: newer},
		{name: "a folder", harm: inPlaceOf(dbFile, folder), file: dbFile},
		{name: "a link", harm: inPlaceOf(dbFile, link), file: dbFile},
		{name: "writable by the group", harm: mode(dbFile, 0o660), file: dbFile},

		// the directory, and readable files that a refusal does not tighten either
		{name: "writable by the group", harm: mode(".", 0o770), file: "the data directory"},
		{name: "readable, and the key is missing", harm: all(mode(".", 0o755), mode(dbFile, 0o644), drop(keyFile)), file: keyFile},

		// phrases
		{name: "of another node", harm: all(), phrase: "other", code: "phrase_mismatch"},
		{name: "of another node, and no key", harm: drop(keyFile), phrase: "other", code: "phrase_mismatch"},
		{name: "of another node, and another's key", harm: theirs(keyFile), phrase: "other", code: "phrase_mismatch"},
		{name: "of another node, and no identity.json", harm: drop(recordFile), phrase: "other", code: "phrase_mismatch"},
		{name: "no phrase slot, and no key", harm: all(slots(func(s []any) []any { return s[:1] }), drop(keyFile)), phrase: "mine", file: formatFile},
		{name: "damaged phrase slot, and no key", harm: all(slots(func(s []any) []any { m := s[1].(map[string]any); m["sealed"] = flip(m["sealed"]); return s }), drop(keyFile)), phrase: "mine", code: "phrase_mismatch"},
		{name: "other salt, and no key", harm: all(slots(func(s []any) []any { m := s[1].(map[string]any); m["salt"] = flip(m["salt"]); return s }), drop(keyFile)), phrase: "mine", code: "phrase_mismatch"},
		{name: "slots of different keys, and no identity.json", harm: all(func(t *testing.T, h harmed) {
			f, err := parseFormat(h.mine.files[formatFile])
			if err != nil {
				t.Fatal(err)
			}
			salt := [32]byte{1}
			if err := f.put(slot{Kind: kindPhrase, Salt: salt[:]}, h.mine.phrase.roots().slot(salt[:]), DataKey{9}); err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			write(t, h.path(formatFile), b)
		}, drop(recordFile)), phrase: "mine", file: formatFile},

		// no format.json, but something that somebody made
		{name: "no format.json: an object", harm: all(drop(formatFile), put("objects/a0/00000000000000a0", "x")), file: "objects"},
		{name: "no format.json: an incoming object", harm: all(drop(formatFile), put("objects/incoming/00000000000000a0", "")), file: "objects"},
		{name: "no format.json: objects is a file", harm: all(drop(formatFile), put("objects", "")), file: "objects"},
		{name: "no format.json: only an object", harm: all(drop(formatFile, keyFile, recordFile, dbFile), put("objects/a0/00000000000000a0", "x")), file: "objects"},
		{name: "no format.json: an object, and the phrase", harm: all(drop(formatFile), put("objects/a0/00000000000000a0", "x")), phrase: "mine", file: "objects"},
		{name: "no format.json: a user", harm: all(drop(formatFile), used("INSERT INTO users (wallet_address, uuid, created_at) VALUES ('0x1', 'u', 0)")), file: dbFile},
		{name: "no format.json: an owner", harm: all(drop(formatFile), used("INSERT INTO members (wallet_address, role, added_at, updated_at) VALUES ('0x1', 'owner', 0, 0)")), file: dbFile},
		{name: "no format.json: an object's row", harm: all(drop(formatFile), used("INSERT INTO object (id, root, size, leaf, sealed, refs) VALUES (1, x'00', 1, 1, 1, 1)")), file: dbFile},
		{name: "no format.json: a user, and the phrase", harm: all(drop(formatFile), used("INSERT INTO users (wallet_address, uuid, created_at) VALUES ('0x1', 'u', 0)")), phrase: "mine", file: dbFile},
		{name: "no format.json: a user in the WAL", harm: func(t *testing.T, h harmed) {
			to := t.TempDir()
			warm(t, h.dir, to, "INSERT INTO users (wallet_address, uuid, created_at) VALUES ('0x1', 'u', 0)")
			for _, name := range []string{dbFile, dbFile + "-wal", dbFile + "-shm"} {
				write(t, h.path(name), read(t, filepath.Join(to, name)))
			}
			remove(t, h.path(formatFile))
		}, file: dbFile + "-wal"},
		{name: "no format.json: a WAL alone", harm: all(drop(formatFile, dbFile), put(dbFile+"-wal", "x")), file: dbFile + "-wal"},
		{name: "no format.json: garbage for a database", harm: all(drop(formatFile), put(dbFile, strings.Repeat("x", 8192))), file: dbFile},
		{name: "no format.json: another program's database", harm: all(drop(formatFile, dbFile), func(t *testing.T, h harmed) { query(t, h.path(dbFile), "CREATE TABLE users (x)") }), file: dbFile},
		{name: "no format.json: another program's private key", harm: all(drop(formatFile), set(recordFile, "privateKey", "302e")), file: recordFile},
		{name: "no format.json: the key is a folder", harm: all(drop(formatFile), inPlaceOf(keyFile, folder)), file: keyFile},
		{name: "no format.json: a folder for all", harm: all(drop(formatFile), mode(".", os.ModeSticky|0o777)), file: "the data directory"},
	}
	seen := map[string]bool{}
	for _, test := range tests {
		name := test.file + test.code + " " + test.name
		if seen[name] {
			t.Fatalf("two tests %q", name)
		}
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			dir, mine, other := copies(t)
			write(t, filepath.Join(dir, "elsewhere"), nil)
			write(t, filepath.Join(dir, keyFile+scratch), []byte("not even swept"))
			h := harmed{dir, mine, other}
			test.harm(t, h)
			cfg := Config{Dir: dir}
			switch test.phrase {
			case "mine":
				cfg.RestorePhrase = mine.phrase
			case "other":
				cfg.RestorePhrase = other.phrase
			}
			before := tree(t, dir)
			id, db, err := Open(t.Context(), cfg)
			if err == nil {
				db.Close()
				t.Fatal("opened")
			}
			if id != nil || db != nil {
				t.Error("something beside the error")
			}
			after := tree(t, dir)
			if strings.HasPrefix(test.name, "newer schema") { // SQLite makes and removes its WAL to read the version
				restTime(before)
				restTime(after)
			}
			same(t, before, after)
			f := fault.As(err)
			if f == nil {
				t.Fatalf("no fault: %v", err)
			}
			code := test.code
			if code == "" {
				code = "data_refused"
			}
			if f.Code != code || f.Kind != fault.Conflict || test.file != "" && (f.Fields["file"] != test.file || !strings.HasPrefix(f.Msg, test.file)) {
				t.Errorf("%s %v: %v", f.Code, f.Fields, err)
			}
			if strings.Contains(f.Msg, dir) || !strings.HasSuffix(f.Msg, ".") {
				t.Errorf("for people: %q", f.Msg)
			}
			for _, key := range [][]byte{mine.files[keyFile], other.files[keyFile]} {
				if bytes.Contains([]byte(err.Error()), key[:8]) {
					t.Error("the error repeats the key")
				}
			}
		})
	}
}

func used(statement string) func(*testing.T, harmed) {
	return func(t *testing.T, h harmed) { query(t, h.path(dbFile), statement) }
}

func TestRefusalsAreErrors(t *testing.T) {
	if err := refuse("x", "is damaged.", nil); !errors.Is(err, ErrRefused) || errors.Is(err, store.ErrTooNew) {
		t.Error(err)
	}
	if err := errNewer(nil); !errors.Is(err, store.ErrTooNew) {
		t.Error(err)
	}
	if _, _, err := Open(t.Context(), Config{}); err == nil {
		t.Error("opened without a directory")
	}
}
