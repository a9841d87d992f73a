package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/identity"
	"pc2/backend/keychain"
	"pc2/backend/keychain/keychaintest"
	"pc2/backend/node"
	"pc2/backend/store"
)

// inKeychain is a directory whose key is in the keychain alone.
func inKeychain(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for range 2 {
		_, db, err := identity.Open(t.Context(), identity.Config{Dir: dir, Keychain: keychain.New(), Custody: identity.Keychained})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Write(t.Context(), func(tx *store.Tx) error {
			return auth.Audit(tx, auth.Record{Action: auth.PhraseShown, At: time.Now()})
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "encryption.key")); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("the test's premise: no encryption.key", err)
	}
	return dir
}

// A locked keychain is waited for, and the node starts when it is unlocked.
func TestWaitsForTheKeychain(t *testing.T) {
	d := keychaintest.Start(t)
	keys := keychain.New()
	s := run(t, node.Config{Dir: inKeychain(t), Keychain: keys, Custody: identity.Keychained})
	s.host.cfg.Unlock = keys.Unlock
	d.Lock()
	s.host.Start()
	waits := func() {
		t.Helper()
		x := s.until(Trouble)
		if !errors.Is(x.Err, keychain.ErrLocked) || x.Running() || !strings.Contains(x.Sentence, "until your keyring is unlocked") {
			t.Fatalf("%+v", x)
		}
	}
	waits()
	s.host.Start() // asks once more
	s.until(Starting)
	waits()
	s.host.Stop()
	s.until(Stopped)
	s.host.Start()
	waits()
	d.Unlock()
	up := s.until(Local)
	if err := health(t, up.URL); err != nil {
		t.Fatal(err)
	}
	s.host.Stop()
	s.until(Stopped)
	d.Lock()
	s.host.Start()
	waits()
	if err := s.end(); err != nil { // in the middle of the wait
		t.Fatal(err)
	}
}

// A key that the keychain does not have is no reason to wait.
func TestKeychainWithoutTheKey(t *testing.T) {
	d := keychaintest.Start(t)
	keys := keychain.New()
	dir := inKeychain(t)
	d.Remove("PC2", d.Entries("PC2")[0])
	s := run(t, node.Config{Dir: dir, Keychain: keys, Custody: identity.Keychained})
	s.host.cfg.Unlock = func(context.Context) error { t.Error("it waits"); return nil }
	s.host.Start()
	if x := s.until(Trouble); !errors.Is(x.Err, keychain.ErrMissing) || !strings.Contains(x.Sentence, "--restore-phrase-file") {
		t.Fatalf("%+v", x)
	}
}
