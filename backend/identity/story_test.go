package identity

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pc2/backend/content"
	"pc2/backend/store"
)

// Content's keyring takes the data key as it is.
var _ = func(id *Identity) *content.Keyring { return content.NewKeyring(id.DataKey()) }

func TestFirstStartAndRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "er", "data")
	id, db := start(t, dir, Phrase{})
	first := factOf(t, id)

	for name, want := range map[string]fs.FileMode{".": 0o700 | fs.ModeDir, "../..": 0o700 | fs.ModeDir, keyFile: 0o600, recordFile: 0o600, formatFile: 0o600, dbFile: 0o600, dbFile + "-wal": 0o600, dbFile + "-shm": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", name, info.Mode(), want)
		}
		if err != nil && !strings.HasPrefix(name, dbFile+"-") {
			t.Error(err)
		}
	}
	if key := read(t, filepath.Join(dir, keyFile)); !regexp.MustCompile(`^[0-9a-f]{64}$`).Match(key) {
		t.Errorf("encryption.key has %d bytes", len(key))
	}
	var f struct {
		Format   int
		Created  string
		StoreID  string `json:"store_id"`
		Keyslots []struct{ Kind string }
	}
	if err := json.Unmarshal(read(t, filepath.Join(dir, formatFile)), &f); err != nil {
		t.Fatal(err)
	}
	if f.Format != 1 || f.Created == "" || f.StoreID != id.StoreID() || fmt.Sprint(f.Keyslots) != "[{local-file} {phrase}]" {
		t.Errorf("format.json: %+v", f)
	}
	var r map[string]any
	if err := json.Unmarshal(read(t, filepath.Join(dir, recordFile)), &r); err != nil {
		t.Fatal(err)
	}
	if r["nodeId"] != id.ID().String() || r["did"] != id.ID().DID() || r["adminWalletAddress"] != nil || len(r) != 7 {
		t.Errorf("identity.json: %v", r)
	}
	var stored string
	if err := db.Read(t.Context()).QueryRow("SELECT value FROM settings WHERE key = 'store_id'").Scan(&stored); err != nil || stored != id.StoreID() {
		t.Errorf("store id in pc2.db: %q %v", stored, err)
	}

	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before := restTime(tree(t, dir))
	if again := factOf(t, once(t, dir, Phrase{})); again != first {
		t.Error("a restart changed the identity")
	}
	same(t, before, restTime(tree(t, dir))) // a restart writes nothing
	phrase, err := id.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	if again := factOf(t, once(t, dir, phrase)); again != first { // with the phrase at hand: a start like any other
		t.Error("a restart with the phrase changed the identity")
	}
	same(t, before, restTime(tree(t, dir)))

	other := factOf(t, once(t, filepath.Join(t.TempDir(), "data"), Phrase{}))
	if other.Node == first.Node || other.Phrase == first.Phrase || other.Data == first.Data || other.StoreID == first.StoreID {
		t.Error("two first starts have something in common")
	}
}

// Case A: an empty directory and a phrase give the same node, with new data.
func TestRestoreIntoEmpty(t *testing.T) {
	_, mine, _ := copies(t)
	want := factOf(t, mine.id)
	for name, dir := range map[string]string{"missing": filepath.Join(t.TempDir(), "data"), "empty": t.TempDir()} {
		got := factOf(t, once(t, dir, mine.phrase))
		if got.Node != want.Node || got.Phrase != want.Phrase {
			t.Errorf("%s: another identity", name)
		}
		if got.Data == want.Data || got.StoreID == want.StoreID {
			t.Errorf("%s: the old data key or store id", name)
		}
		if again := factOf(t, once(t, dir, Phrase{})); again != got {
			t.Errorf("%s: a restart changed the identity", name)
		}
	}
}

// Case B: the local key is lost, the phrase opens the data.
func TestRestoreLocalKey(t *testing.T) {
	dir, mine, other := copies(t)
	want := factOf(t, mine.id)
	remove(t, filepath.Join(dir, keyFile))
	if got := factOf(t, once(t, dir, mine.phrase)); got != want {
		t.Error("another identity after the restore")
	}
	if key := read(t, filepath.Join(dir, keyFile)); bytes.Equal(key, mine.files[keyFile]) {
		t.Error("the lost local key came back")
	}
	if info, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if got := factOf(t, once(t, dir, Phrase{})); got != want {
		t.Error("another identity after the next start")
	}

	// A local key that opens nothing, as an interrupted restore leaves it, gets a slot and stays.
	dir, _, _ = copies(t)
	write(t, filepath.Join(dir, keyFile), other.files[keyFile])
	if got := factOf(t, once(t, dir, mine.phrase)); got != want {
		t.Error("another identity with the foreign local key")
	}
	if !bytes.Equal(read(t, filepath.Join(dir, keyFile)), other.files[keyFile]) {
		t.Error("the foreign local key was replaced")
	}
	if got := factOf(t, once(t, dir, Phrase{})); got != want {
		t.Error("another identity after the next start")
	}

	// With identity.json lost too, the phrase makes it again.
	dir, _, _ = copies(t)
	remove(t, filepath.Join(dir, keyFile))
	remove(t, filepath.Join(dir, recordFile))
	if got := factOf(t, once(t, dir, mine.phrase)); got != want {
		t.Error("another identity without identity.json")
	}
	if got := factOf(t, once(t, dir, Phrase{})); got != want {
		t.Error("another identity after the next start")
	}
}

// kill -9 leaves a WAL; the store id must be found all the same, even when the
// power went while that WAL was being copied into the main file.
func TestStartBesideWAL(t *testing.T) {
	from, mine, _ := copies(t)
	want := factOf(t, mine.id)
	dir := t.TempDir()
	warm(t, from, dir, "INSERT INTO settings (key, value, updated_at) VALUES ('x', 'y', 0)")
	if got := factOf(t, once(t, dir, Phrase{})); got != want {
		t.Error("another identity")
	}

	from, _, _ = copies(t)
	dir = t.TempDir()
	warm(t, from, dir, "INSERT INTO settings (key, value, updated_at) VALUES ('x', 'y', 0)")
	// The page that the WAL has a newer copy of is half written.
	var page, size int64
	d, err := openDisk(from, slog.New(slog.DiscardHandler), func(string, string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer d.root.Close()
	if err := d.peek(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'settings'", &page); err != nil {
		t.Fatal(err)
	}
	if err := d.peek(t.Context(), "PRAGMA page_size", &size); err != nil {
		t.Fatal(err)
	}
	b := read(t, filepath.Join(dir, dbFile))
	copy(b[(page-1)*size:page*size], bytes.Repeat([]byte{0xa5}, int(size)))
	write(t, filepath.Join(dir, dbFile), b)
	id, db := start(t, dir, Phrase{})
	if got := factOf(t, id); got != want {
		t.Error("another identity")
	}
	var y string
	if err := db.Read(t.Context()).QueryRow("SELECT value FROM settings WHERE key = 'x'").Scan(&y); err != nil || y != "y" {
		t.Errorf("what the WAL held: %q %v", y, err)
	}
}

// What an interrupted first start may leave, and worse, is made anew.
func TestLeftoversAreRemade(t *testing.T) {
	_, mine, _ := copies(t)
	garbage := []byte("\x00garbage")
	for name, files := range map[string]map[string][]byte{
		"all but format.json":   {keyFile: mine.files[keyFile], recordFile: mine.files[recordFile], dbFile: mine.files[dbFile]},
		"key":                   {keyFile: mine.files[keyFile]},
		"truncated":             {keyFile: mine.files[keyFile][:10], recordFile: mine.files[recordFile][:10]},
		"garbage":               {keyFile: garbage, recordFile: garbage},
		"empty":                 {keyFile: nil, recordFile: nil, dbFile: nil},
		"half written":          {keyFile + scratch: garbage, recordFile + scratch: garbage, formatFile + scratch: garbage, dbFile + scratch: garbage, dbFile + scratch + "-wal": garbage, dbFile + scratch + "-shm": garbage},
		"empty WAL":             {dbFile: mine.files[dbFile], dbFile + "-wal": nil, dbFile + "-shm": garbage},
		"format.json never was": {formatFile + scratch: mine.files[formatFile], dbFile: mine.files[dbFile]},
		"other files":           {"logs/node.log": garbage, "config.json": []byte("{}"), "runtime/lock": nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, files)
			if err := os.MkdirAll(filepath.Join(dir, "objects", "a0"), 0o700); err != nil {
				t.Fatal(err)
			}
			first := factOf(t, once(t, dir, Phrase{}))
			if first.Node == mine.id.ID() {
				t.Error("the leftovers' identity came back without its data key")
			}
			if again := factOf(t, once(t, dir, Phrase{})); again != first {
				t.Error("a restart changed the identity")
			}
			for name := range tree(t, dir) {
				if strings.Contains(name, scratch) {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
}

// A start that is called off says so, and refuses or changes nothing.
func TestCancelled(t *testing.T) {
	dir, mine, _ := copies(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := tree(t, dir)
	if _, _, err := Open(ctx, Config{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	same(t, before, tree(t, dir))
	remove(t, filepath.Join(dir, formatFile))
	before = tree(t, dir)
	if _, _, err := Open(ctx, Config{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	same(t, before, tree(t, dir))
	write(t, filepath.Join(dir, formatFile), mine.files[formatFile])
	if got := factOf(t, once(t, dir, Phrase{})); got != factOf(t, mine.id) {
		t.Error("another identity")
	}
}

// What an interrupted restore may leave beside whole files is swept away.
func TestSweep(t *testing.T) {
	dir, mine, _ := copies(t)
	before := restTime(tree(t, dir))
	for _, name := range []string{keyFile, recordFile, formatFile} {
		write(t, filepath.Join(dir, name+scratch), []byte("half"))
	}
	if got := factOf(t, once(t, dir, Phrase{})); got != factOf(t, mine.id) {
		t.Error("another identity")
	}
	same(t, before, restTime(tree(t, dir)))
}

// restTime leaves out when the folder was written: SQLite makes and removes its WAL there.
func restTime(all map[string]string) map[string]string {
	delete(all, ".")
	delete(all, "pc2.db-spare") // room, that the database keeps
	return all
}

// Rights of others to read are taken away, and said.
func TestTighten(t *testing.T) {
	dir, mine, _ := copies(t)
	os.Chmod(dir, 0o755)
	for _, name := range []string{keyFile, recordFile, formatFile, dbFile} {
		os.Chmod(filepath.Join(dir, name), 0o644)
	}
	var log bytes.Buffer
	id, db, err := Open(t.Context(), Config{Dir: dir, Log: logger(&log)})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if factOf(t, id) != factOf(t, mine.id) {
		t.Error("another identity")
	}
	for _, name := range []string{".", keyFile, recordFile, formatFile, dbFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s still has mode %s", name, info.Mode())
		}
		if !strings.Contains(log.String(), "file="+label(name)+" ") && !strings.Contains(log.String(), `file="`+label(name)+`" `) {
			t.Errorf("nothing was said about %s", name)
		}
	}

	// A folder made by hand with umask 002 is fine before there is anything in it.
	dir = t.TempDir()
	os.Chmod(dir, 0o775)
	once(t, dir, Phrase{})
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("mode %s", info.Mode())
	}
}

// No secret lies in clear in the directory or in the log, but the local key in its file.
func TestNoSecretInClear(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	secrets := map[string][]byte{}
	words := map[string]bool{}
	visit := func(phrase Phrase) {
		id, db, err := Open(t.Context(), Config{Dir: dir, Log: logger(&log), RestorePhrase: phrase})
		if err != nil {
			t.Fatal(err)
		}
		p, err := id.Phrase()
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec("UPDATE settings SET updated_at = 1"); return err }); err != nil {
			t.Fatal(err)
		}
		data, seed, entropy := id.DataKey(), id.Key().Seed(), p.entropy()
		secrets["data key"], secrets["seed"], secrets["entropy"], secrets["BIP-39 seed"] = data[:], seed[:], entropy[:], p.roots().master
		w := strings.Fields(p.Reveal())
		for i := range w[1:] {
			words[w[i]+" "+w[i+1]] = true
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, strings.Repeat(verb+" ", 6)+"\n", id, *id, p, data, seed, []any{id, *id, p, data, seed})
		}
		logger(&log).Info("x", "id", id, "phrase", p, "data", data, "seed", seed, "cfg", Config{Dir: dir, RestorePhrase: p})
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "id", id, "phrase", p, "data", data, "seed", seed, "cfg", Config{Dir: dir, RestorePhrase: p}, "m", map[string]any{"d": data})
		check(t, dir, &log, secrets, words) // while it is open, WAL included
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		check(t, dir, &log, secrets, words)
		key, err := parseLocalKey(read(t, filepath.Join(dir, keyFile)))
		if err != nil {
			t.Fatal(err)
		}
		secrets["local key"] = key[:]
		check(t, dir, &log, secrets, words)
		if phrase.IsZero() {
			remove(t, filepath.Join(dir, keyFile)) // the second visit restores it
		}
	}
	visit(Phrase{})
	visit(phraseOf([32]byte(secrets["entropy"])))
	if len(secrets) != 5 || len(words) < 20 || log.Len() < 1000 {
		t.Error("the test looked for too little")
	}
}

func check(t *testing.T, dir string, log *bytes.Buffer, secrets map[string][]byte, words map[string]bool) {
	t.Helper()
	places := map[string]string{"the log": log.String()}
	for name := range tree(t, dir) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			places[name] = string(read(t, filepath.Join(dir, name)))
		}
	}
	if len(places) < 5 {
		t.Fatalf("%d places", len(places))
	}
	for place, text := range places {
		lower := strings.ToLower(text)
		for w := range words {
			if strings.Contains(lower, w) {
				t.Errorf("words of the phrase are in %s", place)
			}
		}
		for what, s := range secrets {
			if what == "local key" && place == keyFile {
				continue
			}
			part := s[:16]
			for _, form := range []string{string(part), hex.EncodeToString(part), base64.StdEncoding.EncodeToString(s)[:20],
				base64.URLEncoding.EncodeToString(s)[:20], strings.Trim(fmt.Sprint(part), "[]"), strings.ReplaceAll(strings.Trim(fmt.Sprint(part), "[]"), " ", ", ")} {
				if strings.Contains(text, form) || strings.Contains(lower, form) {
					t.Errorf("%s is in %s", what, place)
				}
			}
		}
	}
}

func BenchmarkFirstStart(b *testing.B) {
	for b.Loop() {
		_, db, err := Open(b.Context(), Config{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		db.Close()
	}
}

func BenchmarkRestart(b *testing.B) {
	dir, _, _ := copies(b)
	for b.Loop() {
		_, db, err := Open(b.Context(), Config{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		db.Close()
	}
}
