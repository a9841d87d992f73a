//go:build linux

package e2e

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// gio opens an address as a browser or a file manager does: by what is
// registered on the desktop. What is started writes its log to file.
func (s *stage) gio(file, address string) {
	s.Helper()
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("gio", "open", address)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, out, out
	if err := cmd.Run(); err != nil {
		b, _ := os.ReadFile(file) // only to say more
		s.Fatalf("gio open %s: %v\n%s", address, err, b)
	}
}

// saves downloads what is in the folder that the window shows:
// so the folder tells which one it is.
func (p *program) saves(picture string) {
	p.Helper()
	n := p.count(saved)
	p.painted(picture)
	p.marksAll()
	p.clicksDownload()
	p.logs(saved, n)
}

// A pc2:// link is opened by the program: registered by itself, found by the
// desktop, whether it runs or not; and not by one that means harm.
func TestLinks(t *testing.T) {
	s := newStage(t)
	share := filepath.Join(s.dir, "share")
	s.set("XDG_DATA_HOME", share)
	dir := s.downloads()
	token := s.trusted()
	if _, err := os.Stat(filepath.Join(share, "applications")); err == nil {
		t.Fatal("one with its own data directory has registered itself unasked")
	}
	p := s.start("--register")
	p.shown(1)
	n := p.logs(listing, 0)
	entry, icon, list := filepath.Join(share, "applications/pc2.desktop"), filepath.Join(share, "icons/hicolor/256x256/apps/pc2.png"), filepath.Join(s.dir, "config/mimeapps.list")
	s.until("it is registered", func() bool {
		b, err := os.ReadFile(list)
		return err == nil && strings.Contains(string(b), "x-scheme-handler/pc2=pc2.desktop;")
	})
	if out, err := exec.Command("desktop-file-validate", entry).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%s %v", out, err)
	}
	if b, err := os.ReadFile(icon); err != nil || !strings.HasPrefix(string(b), "\x89PNG") {
		t.Fatal("no icon", err)
	}
	if out, err := exec.Command("xprop", "-name", "PC2", "WM_CLASS").CombinedOutput(); err != nil || !strings.Contains(string(out), `"PC2"`) {
		t.Fatalf("the entry's StartupWMClass is not the window's: %s %v", out, err)
	}

	p.mkdir(token, "~/Holiday")
	p.mkdir(token, "~/Holiday/in Rome")
	p.put(token, "~/Holiday/in Rome/only.txt", strings.NewReader("rome"))
	p.put(token, "~/elsewhere.txt", strings.NewReader("elsewhere"))
	other := filepath.Join(s.dir, "gio.log")
	s.gio(other, "pc2://open/Holiday/in%20Rome")
	n = p.logs(listing, n)
	p.saves("link")
	has(t, dir, map[string]io.Reader{"only.txt": strings.NewReader("rome")})

	p.closeWindow()
	p.shown(0)
	enters := p.count("desktop/enter")
	for i, bad := range []string{
		"pc2://open/../..", "pc2://open/%2e%2e/x", "pc2://open/a%00b", "pc2://open/a%0Ab", "pc2://open/..%2F..%2Fetc", "pc2://evil.example/open",
		"pc2://user@open/x", "pc2://open:80/x", "pc2://open/x?k=1", "pc2://open/x#y", "pc2:open/x", "pc2://open/" + strings.Repeat("a", 5000), `pc2://x" --data "/tmp`,
	} {
		s.gio(other, bad)
		p.logs("a link was refused", i)
	}
	if p.windows() != 0 || p.count("desktop/enter") != enters || p.count("a link was refused") != 13 {
		t.Fatal("a refused link did something:", p.windows(), p.count("desktop/enter"), p.count("a link was refused"))
	}
	p.click("Quit")
	p.leaves()

	// The link starts the program.
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	s.gio(other, "pc2://open/Holiday/in%20Rome")
	p = s.adopt(other)
	p.shown(1)
	p.logs(listing, 0)
	p.saves("link-start")
	has(t, dir, map[string]io.Reader{"only.txt": strings.NewReader("rome"), "only (2).txt": strings.NewReader("rome")})
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.logs("msg=ended", 0)
	s.until("no process is left", func() bool { return len(s.remains()) == 0 })

	if out, err := s.command("--unregister").CombinedOutput(); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	for _, f := range []string{entry, icon} {
		if _, err := os.Stat(f); err == nil {
			t.Error("left:", f)
		}
	}
	if b, err := os.ReadFile(list); err != nil || strings.Contains(string(b), "pc2") {
		t.Errorf("%s %v", b, err)
	}
	if b, err := exec.Command("gio", "open", "pc2://about").CombinedOutput(); err == nil {
		t.Errorf("somebody still opens links: %s", b)
	}
}

// adopt is a program that somebody else has started.
func (s *stage) adopt(log string) *program {
	s.Helper()
	p := &program{stage: s, file: log, data: filepath.Join(s.dir, "data"), ended: make(chan struct{}), cmd: &exec.Cmd{}}
	s.running = p
	var note struct{ PID int }
	s.until("it runs", func() bool {
		b, err := os.ReadFile(filepath.Join(p.data, "runtime", "desktop.json"))
		return err == nil && json.Unmarshal(b, &note) == nil && note.PID > 0
	})
	var err error
	if p.cmd.Process, err = os.FindProcess(note.PID); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended, if all went well
		if s.Failed() {
			s.Logf("log:\n%s", tail(p.log()))
		}
	})
	return p
}
