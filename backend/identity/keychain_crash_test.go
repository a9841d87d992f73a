//go:build unix

package identity

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"pc2/backend/keychain/keychaintest"
)

func TestKilledOnTheWayToTheKeychain(t *testing.T) {
	d := keychaintest.Start(t)
	for name, m := range moves(t, d) {
		t.Run(name, func(t *testing.T) {
			t.Setenv(envKeep, strconv.Itoa(int(m.custody)))
			var points []string
			for n := 0; ; n++ {
				m.ready()
				dir := t.TempDir()
				lay(t, dir, m.files)
				at := kill(t, dir, n, "")
				points = append(points, at)
				if _, err := os.Lstat(filepath.Join(dir, keyFile)); err == nil && m.custody != File {
					if _, db, err := Open(t.Context(), Config{Dir: dir}); err != nil {
						t.Errorf("killed at %q: the file does not open it: %v", at, err)
					} else if err := db.Close(); err != nil {
						t.Error(err)
					}
				}
				m.check(t, dir, "killed at "+at)
				if at == "" {
					break
				}
			}
			expect(t, points, m.points...)
		})
	}
	t.Run("first start", func(t *testing.T) {
		t.Setenv(envKeep, strconv.Itoa(int(Keychained)))
		var points []string
		for n := 0; ; n++ {
			dir := filepath.Join(t.TempDir(), "data")
			at := kill(t, dir, n, "")
			points = append(points, at)
			node, ok := committed(t, dir)
			f := with(t, dir, Keychained, Phrase{})
			if ok && f.Node.String() != node {
				t.Errorf("killed at %q: node %s became %s", at, node, f.Node)
			}
			has(t, dir, kindLocal, kindKeychain, kindPhrase)
			if factOf(t, once(t, dir, Phrase{})) != f {
				t.Errorf("killed at %q: another identity without the keychain", at)
			}
			if at == "" {
				break
			}
		}
		expect(t, points, "mkdir", "rename "+keyFile, "rename "+formatFile, "set keychain", "get keychain", "rename "+formatFile, "open")
	})
}
