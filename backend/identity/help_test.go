package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pc2/backend/boson"
	"pc2/backend/store"
)

// start opens dir as the node would, and closes it at the end of the test.
func start(t testing.TB, dir string, phrase Phrase) (*Identity, *store.DB) {
	t.Helper()
	id, db, err := Open(t.Context(), Config{Dir: dir, RestorePhrase: phrase})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { db.Close() })
	return id, db
}

// once opens dir and closes it at once.
func once(t testing.TB, dir string, phrase Phrase) *Identity {
	t.Helper()
	id, db := start(t, dir, phrase)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// fact is what must stay the same of an identity.
type fact struct {
	Node    boson.ID
	Phrase  string
	Data    [32]byte
	StoreID string
}

func factOf(t testing.TB, id *Identity) fact {
	t.Helper()
	p, err := id.Phrase()
	if err != nil {
		t.Fatal(err)
	}
	return fact{id.ID(), p.Reveal(), id.DataKey(), id.StoreID()}
}

// Two directories made once, to be copied: making one costs a dozen syncs.
var made = sync.OnceValues(func() ([2]template, error) {
	var all [2]template
	for i := range all {
		tmp, err := os.MkdirTemp("", "pc2-identity-")
		if err != nil {
			return all, err
		}
		defer os.RemoveAll(tmp)
		id, db, err := Open(context.Background(), Config{Dir: tmp})
		if err != nil {
			return all, err
		}
		if err := db.Close(); err != nil {
			return all, err
		}
		all[i].phrase, err = id.Phrase()
		if err != nil {
			return all, err
		}
		all[i].id, all[i].files = id, map[string][]byte{}
		for _, name := range []string{keyFile, recordFile, formatFile, dbFile} {
			if all[i].files[name], err = os.ReadFile(filepath.Join(tmp, name)); err != nil {
				return all, err
			}
		}
	}
	return all, nil
})

type template struct {
	id     *Identity
	phrase Phrase
	files  map[string][]byte
}

// copies returns a directory with an identity, and the template of another one.
func copies(t testing.TB) (dir string, mine, other template) {
	t.Helper()
	all, err := made()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	lay(t, dir, all[0].files)
	return dir, all[0], all[1]
}

// lay writes files into dir as Open leaves them.
func lay(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		write(t, filepath.Join(dir, name), data)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// edit changes a JSON file as a map.
func edit(t testing.TB, path string, change func(map[string]any)) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(read(t, path), &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, b)
}

// query runs statements on a database that nobody has open.
func query(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// warm copies a directory while its database is open and has something in its
// WAL, which is what kill -9 leaves.
func warm(t testing.TB, from, to string, statement string) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(from, dbFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
		t.Fatal(err)
	}
	for name := range maps.Keys(tree(t, from)) {
		if info, err := os.Lstat(filepath.Join(from, name)); err == nil && info.Mode().IsRegular() {
			write(t, filepath.Join(to, name), read(t, filepath.Join(from, name)))
		}
	}
	if info, err := os.Stat(filepath.Join(to, dbFile+"-wal")); err != nil || info.Size() == 0 {
		t.Fatalf("the test's premise: a WAL with something in it (%v)", err)
	}
}

// tree is everything about a directory that must not change: names, kinds,
// modes, contents, and when they were written.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String() + " " + info.ModTime().String()
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %x", sha256.Sum256(b))
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			what += " " + to
		}
		name, err := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = what
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func same(t testing.TB, before, after map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name] != before[name] {
			t.Errorf("%s was %q, is %q", name, before[name], after[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
}

func logger(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectors is testdata/vectors.json, which the front end's tests use too.
type vectors struct {
	Source string
	Slip10 []struct {
		Seed  string
		Chain []struct{ Path, ChainCode, Private, Public string }
	}
	Chain []struct {
		Phrase, Entropy, BIP39Seed, Seed, PublicKey, NodeID, DID, SlotSalt, SlotKey, DeviceWallet string
	}
	Golden struct {
		Chain                      int
		StoreID, DataKey, LocalKey string
	}
}

func load(t testing.TB) (v vectors) {
	t.Helper()
	if err := json.Unmarshal(read(t, "testdata/vectors.json"), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Slip10) != 2 || len(v.Chain) != 8 || !strings.Contains(v.Source, "outside this program") {
		t.Fatalf("%d and %d vectors", len(v.Slip10), len(v.Chain))
	}
	return v
}
