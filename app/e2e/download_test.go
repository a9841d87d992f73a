//go:build linux

package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const saved = `route="POST /desktop/save" status=200`

// downloads sets where downloads go, as a desktop does in a language of its own.
func (s *stage) downloads() (dir string) {
	s.Helper()
	dir = filepath.Join(s.dir, "Téléchargements")
	config := filepath.Join(s.dir, "config")
	if err := os.MkdirAll(config, 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "user-dirs.dirs"), []byte(`XDG_DOWNLOAD_DIR="`+dir+"\"\n"), 0o600); err != nil {
		s.Fatal(err)
	}
	return dir
}

// random is n bytes that nobody could guess, the same each time.
func random(n int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{byte(n)}), n) }

func sum(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// has fails unless dir holds these files, byte for byte, and no half one beside them.
func has(t *testing.T, dir string, want map[string]io.Reader) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != len(want) {
		t.Fatal("in the folder:", all, err)
	}
	for name, content := range want {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err, all)
		}
		if sum(t, f) != sum(t, content) {
			t.Fatal(name, "is another file")
		}
		f.Close()
	}
}

// Several files and a large one, chosen in the window, arrive in
// the folder for downloads; what is there keeps its name.
func TestDownload(t *testing.T) {
	s := newStage(t)
	dir := s.downloads()
	token := s.trusted()
	p := s.start()
	p.shown(1)
	n := p.logs(listing, 0)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "film.mkv"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	const big = 100 << 20
	p.mkdir(token, "~/Holiday")
	p.put(token, "~/Holiday/film.mkv", random(big))
	p.put(token, "~/Holiday/Grüße & <b>.txt", strings.NewReader("hello"))
	p.put(token, "~/Holiday/empty", strings.NewReader(""))
	s.link("pc2://open/Holiday")
	p.logs(listing, n)
	s.painted("holiday")
	p.marksAll()
	p.clicksDownload()
	p.logs(saved, 2)
	s.painted("download")
	has(t, dir, map[string]io.Reader{
		"film.mkv": strings.NewReader("mine"), "film (2).mkv": random(big), "Grüße & <b>.txt": strings.NewReader("hello"), "empty": strings.NewReader(""),
	})
	p.click("Quit")
	p.leaves()
}

// What cannot be saved leaves nothing; nothing but what was saved is shown.
func TestDownloadRefused(t *testing.T) {
	s := newStage(t)
	dir := s.downloads()
	s.set("DISPLAY", "")
	p := s.start("--hidden")
	token := p.claim()
	w := p.window()
	p.put(token, "~/film.mkv", random(64<<20))
	// A folder that cannot be written into.
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := p.ask(w, 503, "POST", "/desktop/save", token, strings.NewReader(`{"path":"~/film.mkv"}`))
	if !bytes.Contains(b, []byte(`"not_saved"`)) || bytes.Contains(b, []byte(s.dir)) {
		t.Fatalf("%s", b)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	p.call(w, "POST", "/desktop/save", token, strings.NewReader(`{"path":"~/film.mkv"}`))
	for _, name := range []string{"../data/desktop.lock", "none", "", "/etc/passwd", "."} {
		p.ask(w, 404, "POST", "/desktop/reveal", token, strings.NewReader(fmt.Sprintf(`{"name":%q}`, name)))
	}
	has(t, dir, map[string]io.Reader{"film.mkv": random(64 << 20)})
	p.click("Quit")
	p.leaves()
}
