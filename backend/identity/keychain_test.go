package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/fault"
	"pc2/backend/keychain"
	"pc2/backend/keychain/keychaintest"
	"pc2/backend/store"
)

// with opens dir under a custody, with the keychain of this session, and closes it.
func with(t testing.TB, dir string, c Custody, phrase Phrase) fact {
	t.Helper()
	f, err := try(t, dir, c, phrase)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func try(t testing.TB, dir string, c Custody, phrase Phrase) (fact, error) {
	t.Helper()
	var log bytes.Buffer
	id, db, err := Open(t.Context(), Config{Dir: dir, RestorePhrase: phrase, Keychain: keychain.New(), Custody: c, Log: logger(&log)})
	if err != nil {
		return fact{}, err
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f := factOf(t, id)
	if strings.Contains(log.String(), f.Phrase[:20]) || strings.Contains(log.String(), fmt.Sprintf("%x", f.Data)) {
		t.Error("a secret in the log")
	}
	return f, nil
}

// shown writes down that the owner has seen the recovery phrase.
func shown(t testing.TB, dir string) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, dbFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		return auth.Audit(tx, auth.Record{Action: auth.PhraseShown, At: time.Now()})
	}); err != nil {
		t.Fatal(err)
	}
}

// has checks the slots of format.json, and that encryption.key is there if and
// only if it has one.
func has(t testing.TB, dir string, kinds ...string) {
	t.Helper()
	var f format
	if err := json.Unmarshal(read(t, filepath.Join(dir, formatFile)), &f); err != nil {
		t.Fatal(err)
	}
	have := []string{}
	for _, raw := range f.Keyslots {
		kind, err := kindOf(raw)
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, kind)
	}
	slices.Sort(have)
	slices.Sort(kinds)
	_, err := os.Lstat(filepath.Join(dir, keyFile))
	if !slices.Equal(have, kinds) || (err == nil) != slices.Contains(kinds, kindLocal) {
		t.Fatalf("slots %q, %s: %v; want %q", have, keyFile, err, kinds)
	}
}

// fails checks the code of a refusal that changes nothing and tells the way out.
func fails(t testing.TB, dir string, code string) {
	t.Helper()
	before := tree(t, dir)
	_, err := try(t, dir, Keychained, Phrase{})
	if fault.CodeOf(err) != code || !strings.Contains(err.Error(), "--restore-phrase-file") {
		t.Fatalf("%v, want %s", err, code)
	}
	same(t, before, tree(t, dir))
}

// inKeychain is a directory whose key is in the keychain alone.
func inKeychain(t testing.TB) (dir string, want fact) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	want = with(t, dir, Keychained, Phrase{})
	shown(t, dir)
	if with(t, dir, Keychained, Phrase{}) != want {
		t.Fatal("another identity")
	}
	has(t, dir, kindKeychain, kindPhrase)
	return dir, want
}

func TestKeyGoesToTheKeychain(t *testing.T) {
	d := keychaintest.Start(t)
	dir := filepath.Join(t.TempDir(), "data")
	want := with(t, dir, Keychained, Phrase{})
	has(t, dir, kindLocal, kindKeychain, kindPhrase)
	if all := d.Entries("PC2"); !slices.Equal(all, []string{want.StoreID}) {
		t.Fatalf("entries %q", all)
	}
	steps := []struct {
		why     string
		custody Custody
	}{
		{"nobody has seen the phrase", Keychained}, {"it was told to stay", Both}, {"nothing was said", AsIs},
	}
	before := restTime(tree(t, dir))
	for i, s := range steps {
		if with(t, dir, s.custody, Phrase{}) != want {
			t.Errorf("%s: another identity", s.why)
		}
		same(t, before, restTime(tree(t, dir)))
		if i == 0 {
			shown(t, dir)
			before = restTime(tree(t, dir))
		}
	}
	if with(t, dir, Keychained, Phrase{}) != want {
		t.Error("another identity")
	}
	has(t, dir, kindKeychain, kindPhrase)
	for _, c := range []Custody{Keychained, Both, AsIs, Headless} {
		if with(t, dir, c, Phrase{}) != want {
			t.Errorf("custody %d: another identity", c)
		}
		has(t, dir, kindKeychain, kindPhrase)
	}
}

// Whatever is wrong with the keychain, nothing is changed, it is said, and the
// phrase opens the data.
func TestKeychainDoesNotOpen(t *testing.T) {
	for _, c := range []struct {
		code  string
		spoil func(*keychaintest.Daemon, fact)
		mend  func(*keychaintest.Daemon, fact) // nil: only the phrase helps
	}{
		{"keychain_locked", func(d *keychaintest.Daemon, _ fact) { d.Lock() }, func(d *keychaintest.Daemon, _ fact) { d.Unlock() }},
		{"keychain_unavailable", func(d *keychaintest.Daemon, _ fact) { d.End() }, func(d *keychaintest.Daemon, _ fact) { d.Begin(); d.Unlock() }},
		{"keychain_key_missing", func(d *keychaintest.Daemon, f fact) { d.Remove("PC2", f.StoreID) }, nil},
		{"keychain_key_wrong", func(d *keychaintest.Daemon, f fact) { d.Put("PC2", f.StoreID, "garbage\x00\xff") }, nil},
		{"keychain_key_wrong", func(d *keychaintest.Daemon, f fact) { d.Put("PC2", f.StoreID, strings.Repeat("ab", 32)) }, nil},
		{"keychain_key_wrong", func(d *keychaintest.Daemon, f fact) { d.Put("PC2", f.StoreID, "") }, nil},
	} {
		t.Run(c.code, func(t *testing.T) {
			d := keychaintest.Start(t)
			dir, want := inKeychain(t)
			phrase, err := ParsePhrase(want.Phrase)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(d, want)
			fails(t, dir, c.code)
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(copied, 0o700); err != nil {
				t.Fatal(err)
			}
			if c.mend != nil {
				c.mend(d, want)
				if with(t, dir, Keychained, Phrase{}) != want {
					t.Error("another identity")
				}
				c.spoil(d, want)
			}

			// A server's way: the phrase, and then without a desktop for good.
			if with(t, copied, Headless, phrase) != want || once(t, copied, Phrase{}).DataKey() != DataKey(want.Data) {
				t.Error("another identity by the phrase")
			}
			has(t, copied, kindLocal, kindKeychain, kindPhrase)
			for range 3 {
				if with(t, copied, Keychained, Phrase{}) != want || once(t, copied, Phrase{}).DataKey() != DataKey(want.Data) {
					t.Error("another identity")
				}
			}
			has(t, copied, kindLocal, kindKeychain, kindPhrase)

			// A desktop's way: the phrase, and the keychain again.
			if with(t, dir, Keychained, phrase) != want || once(t, dir, Phrase{}).DataKey() != DataKey(want.Data) {
				t.Error("another identity by the phrase")
			}
			if c.mend != nil {
				c.mend(d, want)
			}
			for range 2 {
				if with(t, dir, Keychained, Phrase{}) != want {
					t.Error("another identity")
				}
			}
			has(t, dir, kindKeychain, kindPhrase)
		})
	}
}

// Without an open keychain the file is all there is, and a later one is found.
func TestNoKeychainYet(t *testing.T) {
	d := keychaintest.Bus(t)
	dir := filepath.Join(t.TempDir(), "data")
	want := with(t, dir, Keychained, Phrase{})
	has(t, dir, kindLocal, kindPhrase)
	d.Begin()
	d.Lock()
	if with(t, dir, Keychained, Phrase{}) != want {
		t.Error("another identity")
	}
	has(t, dir, kindLocal, kindPhrase)
	d.Unlock()
	if with(t, dir, Both, Phrase{}) != want {
		t.Error("another identity")
	}
	has(t, dir, kindLocal, kindKeychain, kindPhrase)
	shown(t, dir)
	d.Lock() // it is not there when the PC starts: the file stays
	for range 2 {
		if with(t, dir, Keychained, Phrase{}) != want {
			t.Error("another identity")
		}
		has(t, dir, kindLocal, kindKeychain, kindPhrase)
	}
}

// Where a program without a desktop has opened the data, the file stays.
func TestHeadlessKeepsTheFile(t *testing.T) {
	keychaintest.Start(t)
	dir := filepath.Join(t.TempDir(), "data")
	want := with(t, dir, Keychained, Phrase{})
	shown(t, dir)
	once(t, dir, Phrase{})
	with(t, dir, Headless, Phrase{})
	for range 3 {
		with(t, dir, Keychained, Phrase{})
	}
	has(t, dir, kindLocal, kindKeychain, kindPhrase)
	if factOf(t, once(t, dir, Phrase{})) != want {
		t.Error("another identity")
	}
}

// The way back: the key is in the file again, whatever the keychain does then.
func TestBackToTheFile(t *testing.T) {
	d := keychaintest.Start(t)
	dir, want := inKeychain(t)
	copied := t.TempDir()
	if err := errors.Join(os.CopyFS(copied, os.DirFS(dir)), os.Chmod(copied, 0o700)); err != nil {
		t.Fatal(err)
	}
	d.Lock()
	if _, err := try(t, dir, File, Phrase{}); !errors.Is(err, keychain.ErrLocked) {
		t.Fatal(err)
	}
	d.Unlock()
	for range 2 {
		if with(t, dir, File, Phrase{}) != want {
			t.Error("another identity")
		}
		has(t, dir, kindLocal, kindPhrase)
	}
	if factOf(t, once(t, dir, Phrase{})) != want {
		t.Error("another identity")
	}
	if with(t, copied, AsIs, Phrase{}) != want {
		t.Error("the copy does not open any more")
	}
	// From both, only the keychain's slot goes.
	with(t, dir, Both, Phrase{})
	has(t, dir, kindLocal, kindKeychain, kindPhrase)
	d.End()
	if with(t, dir, File, Phrase{}) != want {
		t.Error("another identity")
	}
	has(t, dir, kindLocal, kindPhrase)
}

// Two directories, and a copy of one, in one keychain.
func TestManyDirectories(t *testing.T) {
	d := keychaintest.Start(t)
	a, wantA := inKeychain(t)
	b, wantB := inKeychain(t)
	if len(d.Entries("PC2")) != 2 {
		t.Fatal(d.Entries("PC2"))
	}
	c := t.TempDir()
	if err := errors.Join(os.CopyFS(c, os.DirFS(a)), os.Chmod(c, 0o700)); err != nil {
		t.Fatal(err)
	}
	with(t, a, File, Phrase{})
	for range 2 { // makes a slot in the keychain anew, without spoiling the copy's
		with(t, a, Keychained, Phrase{})
	}
	has(t, a, kindKeychain, kindPhrase)
	for dir, want := range map[string]fact{a: wantA, b: wantB, c: wantA} {
		if with(t, dir, Keychained, Phrase{}) != want {
			t.Error("another identity")
		}
	}
	d.Remove("PC2", wantB.StoreID)
	fails(t, b, "keychain_key_missing")
	if with(t, a, Keychained, Phrase{}) != wantA {
		t.Error("another identity")
	}
}

// While the file opens the data, a spoilt entry or slot is made good.
func TestEntryIsMadeGood(t *testing.T) {
	foreign := strings.Repeat("ab", 32)
	for name, spoil := range map[string]func(d *keychaintest.Daemon, id string){
		"foreign": func(d *keychaintest.Daemon, id string) { d.Put("PC2", id, foreign) },
		"garbage": func(d *keychaintest.Daemon, id string) { d.Put("PC2", id, "garbage") },
		"lost":    func(d *keychaintest.Daemon, id string) { d.Remove("PC2", id) },
	} {
		t.Run(name, func(t *testing.T) {
			d := keychaintest.Start(t)
			dir := filepath.Join(t.TempDir(), "data")
			want := with(t, dir, Keychained, Phrase{})
			shown(t, dir)
			spoil(d, want.StoreID)
			if with(t, dir, Keychained, Phrase{}) != want {
				t.Error("another identity")
			}
			has(t, dir, kindLocal, kindKeychain, kindPhrase) // not proven yet
			if with(t, dir, Keychained, Phrase{}) != want {
				t.Error("another identity")
			}
			has(t, dir, kindKeychain, kindPhrase)
			if key, err := keychain.New().Get(t.Context(), want.StoreID); err != nil || (key == foreign) != (name == "foreign") || len(key) != 64 {
				t.Error(err)
			}
		})
	}
}

// A key file of other data, beside a key in the keychain, is nobody's to remove.
func TestForeignFileBesideTheKeychain(t *testing.T) {
	keychaintest.Start(t)
	dir, want := inKeychain(t)
	foreign := []byte(strings.Repeat("cd", 32))
	write(t, filepath.Join(dir, keyFile), foreign)
	for range 2 {
		if with(t, dir, Keychained, Phrase{}) != want {
			t.Error("another identity")
		}
	}
	if !bytes.Equal(read(t, filepath.Join(dir, keyFile)), foreign) {
		t.Error("it was changed")
	}
	with(t, dir, File, Phrase{})
	if factOf(t, once(t, dir, Phrase{})) != want || !bytes.Equal(read(t, filepath.Join(dir, keyFile)), foreign) {
		t.Error("another identity, or another key")
	}
}

// moves are the ways of the local key, each from a directory to what it leads to.
func moves(t *testing.T, d *keychaintest.Daemon) map[string]move {
	t.Helper()
	files := func(dir string) map[string][]byte {
		all := map[string][]byte{}
		for _, name := range []string{keyFile, recordFile, formatFile, dbFile} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil {
				all[name] = b
			} else if !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		return all
	}
	dir := filepath.Join(t.TempDir(), "data")
	want := factOf(t, once(t, dir, Phrase{}))
	shown(t, dir)
	once(t, dir, Phrase{}) // no WAL is left
	file := files(dir)
	with(t, dir, Keychained, Phrase{})
	both := files(dir)
	with(t, dir, Keychained, Phrase{})
	alone := files(dir)
	if len(file) != 4 || len(both) != 4 || len(alone) != 3 {
		t.Fatal(len(file), len(both), len(alone))
	}
	id := want.StoreID
	entry, err := keychain.New().Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	there := func() { d.Put("PC2", id, entry) }
	return map[string]move{
		"into the keychain": {file, Keychained, want, func() {
			if slices.Contains(d.Entries("PC2"), id) {
				d.Remove("PC2", id)
			}
		}, []string{"set keychain", "get keychain", "create " + formatFile + scratch, "rename " + formatFile, "sync .", "open"}},
		"out of the file": {both, Keychained, want, there, []string{"remove " + keyFile, "sync .", "create " + formatFile + scratch, "rename " + formatFile, "sync .", "open"}},
		"into the file":   {alone, File, want, there, []string{"create " + keyFile + scratch, "rename " + keyFile, "sync .", "create " + formatFile + scratch, "rename " + formatFile, "sync .", "open"}},
	}
}

type move struct {
	files   map[string][]byte
	custody Custody
	want    fact
	ready   func() // before each
	points  []string
}

// check opens what an interruption left: as it is, without a keychain if there is
// a file, and then to the end of the way and back.
func (m move) check(t *testing.T, dir, at string) {
	t.Helper()
	entry, err := keychain.New().Get(t.Context(), m.want.StoreID)
	if err != nil && !errors.Is(err, keychain.ErrMissing) {
		t.Fatal(err)
	}
	if with(t, dir, AsIs, Phrase{}) != m.want {
		t.Errorf("%s: another identity", at)
	}
	for range 3 {
		if with(t, dir, m.custody, Phrase{}) != m.want {
			t.Errorf("%s: another identity", at)
		}
	}
	if m.custody == File {
		has(t, dir, kindLocal, kindPhrase)
		if factOf(t, once(t, dir, Phrase{})) != m.want {
			t.Errorf("%s: another identity by the file", at)
		}
	} else {
		has(t, dir, kindKeychain, kindPhrase)
	}
	if now, err := keychain.New().Get(t.Context(), m.want.StoreID); err != nil || entry != "" && now != entry {
		t.Errorf("%s: another entry in the keychain, %v", at, err)
	}
}

func TestPowerLossOnTheWayToTheKeychain(t *testing.T) {
	d := keychaintest.Start(t)
	for name, m := range moves(t, d) {
		t.Run(name, func(t *testing.T) {
			m.ready()
			dir := t.TempDir()
			lay(t, dir, m.files)
			disk := newDrive(t, dir)
			disk.cfg = Config{Custody: m.custody, Keychain: keychain.New()}
			if disk.run(Phrase{}) != m.want {
				t.Fatal("another identity")
			}
			for _, l := range disk.left {
				dir := t.TempDir()
				lay(t, dir, l.files)
				m.check(t, dir, l.at)
			}
			if len(disk.left) < 4 {
				t.Errorf("%d directories %v: the model looks at too little", len(disk.left), slices.Sorted(maps.Keys(disk.now)))
			}
		})
	}
}
