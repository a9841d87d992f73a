//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pc2/backend/keychain/keychaintest"
)

// The key goes to the desktop's keyring, and PC2 waits for that to be unlocked.
func TestKeyring(t *testing.T) {
	s := newStage(t)
	d := keychaintest.Session(t)
	slots := func() (kinds []string, file bool) {
		var f struct{ Keyslots []struct{ Kind string } }
		b, err := os.ReadFile(filepath.Join(s.dir, "data", "format.json"))
		if err := errors.Join(err, json.Unmarshal(b, &f)); err != nil {
			t.Fatal(err)
		}
		for _, slot := range f.Keyslots {
			kinds = append(kinds, slot.Kind)
		}
		_, err = os.Lstat(filepath.Join(s.dir, "data", "encryption.key"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return kinds, err == nil
	}
	p := s.start("--hidden")
	if kinds, file := slots(); !file || strings.Join(kinds, " ") != "local-file phrase keychain" || len(d.Entries("PC2")) != 1 {
		t.Fatal(kinds, file, d.Entries("PC2"))
	}
	req, err := http.NewRequest("GET", p.tells().URL+"/api/setup/mnemonic", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-PC2-Claim", *p.tells().ClaimCode)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	p.click("Quit")
	p.leaves()

	p = s.start("--hidden") // the phrase has been seen, and the keyring is open at the start
	if kinds, file := slots(); file || strings.Join(kinds, " ") != "phrase keychain" {
		t.Fatal(kinds, file)
	}
	p.click("Quit")
	p.leaves()

	d.Lock()
	p = s.begin("--hidden")
	p.until("the icon is on the bus", p.onBus)
	p.says("PC2 waits until your keyring is unlocked")
	asks := func() bool {
		return exec.Command("xdotool", "search", "--onlyvisible", "--name", "^Unlock Login Keyring$").Run() == nil
	}
	p.until("the desktop asks for the password", asks)
	p.picture("keyring-locked")
	if p.isReady() {
		t.Fatal("it runs without its key")
	}
	p.until("it is unlocked", func() bool { // the first key may come before the field has the keyboard
		if p.isReady() {
			return true
		}
		if asks() {
			_ = exec.Command("xdotool", "key", "ctrl+a").Run() // the window may be gone
			_ = exec.Command("xdotool", "type", "--delay", "10", keychaintest.Password).Run()
			_ = exec.Command("xdotool", "key", "Return").Run()
		}
		return false
	})
	p.click("Quit")
	p.leaves()
}
