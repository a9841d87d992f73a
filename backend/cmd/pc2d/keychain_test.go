package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pc2/backend/auth"
	"pc2/backend/identity"
	"pc2/backend/keychain"
	"pc2/backend/keychain/keychaintest"
	"pc2/backend/store"
)

// desktopDir is what the desktop program leaves whose key went to the keychain.
func desktopDir(dir string) error {
	for range 2 {
		_, db, err := identity.Open(context.Background(), identity.Config{Dir: dir, Keychain: keychain.New(), Custody: identity.Keychained})
		if err != nil {
			return err
		}
		err = db.Write(context.Background(), func(tx *store.Tx) error {
			return auth.Audit(tx, auth.Record{Action: auth.PhraseShown, At: time.Now()})
		})
		if err := errors.Join(err, db.Close()); err != nil {
			return err
		}
	}
	return nil
}

// The directory of a desktop whose key is in its keychain.
func TestKeychain(t *testing.T) {
	d := keychaintest.Start(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/keychain",
		Setup: func(e *testscript.Env) error {
			e.Setenv("BUS", os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_DATA_HOME", "")
			return desktopDir(filepath.Join(e.WorkDir, "d"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready": ready, "field": field, "phrase": phrase,
			"keychain": func(ts *testscript.TestScript, neg bool, args []string) {
				map[string]func(){"lock": d.Lock, "unlock": d.Unlock}[args[0]]()
			},
		},
	})
}
