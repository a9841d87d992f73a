//go:build linux

package scheme

import (
	"bytes"
	"encoding/xml"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pc2/app/autostart"
	"pc2/app/link"
)

// desk is a user of a desktop.
type desk struct {
	*testing.T
	data, config, system string
}

func newDesk(t *testing.T) *desk {
	d := &desk{t, t.TempDir(), t.TempDir(), t.TempDir()}
	t.Setenv("XDG_DATA_HOME", d.data)
	t.Setenv("XDG_CONFIG_HOME", d.config)
	t.Setenv("XDG_DATA_DIRS", d.system)
	return d
}

func (d *desk) program(name string) *Scheme {
	d.Helper()
	exe := filepath.Join(d.TempDir(), name)
	d.write(exe, "#!/bin/sh\n")
	if err := os.Chmod(exe, 0o700); err != nil {
		d.Fatal(err)
	}
	return New(Program{Entry: autostart.Entry{ID: "pc2", Name: "PC2", Exec: exe, Args: []string{"--profile", "50% $x"}}, Scheme: link.Scheme, Icon: []byte("png")})
}

func (d *desk) write(file, content string) {
	d.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		d.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) read(file string) string {
	d.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		d.Fatal(err)
	}
	return string(b)
}

// files are all there are of this user, the index of the desktop's tool left out.
func (d *desk) files() string {
	d.Helper()
	var all []string
	for _, dir := range []string{d.data, d.config} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && e.Name() != "mimeinfo.cache" {
				all = append(all, strings.TrimPrefix(path, dir+"/"))
			}
			return err
		})
		if err != nil {
			d.Fatal(err)
		}
	}
	return strings.Join(all, " ")
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

const everything = "applications/pc2.desktop icons/hicolor/256x256/apps/pc2.png mimeapps.list"

func TestRegister(t *testing.T) {
	d := newDesk(t)
	entry := filepath.Join(d.data, "applications", "pc2.desktop")
	s := d.program("My PC2")
	for range 2 {
		d.must(s.Register(t.Context()))
		if got := d.files(); got != everything {
			t.Fatal(got)
		}
	}
	if got := d.read(entry); !strings.Contains(got, `/My PC2" "--profile" "50%% \\$x" "--" %u`+"\n") {
		t.Fatal(got)
	}
	if tool, err := exec.LookPath("desktop-file-validate"); err == nil { // Debian: desktop-file-utils, in build/setup.sh
		if out, err := exec.Command(tool, entry).CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatal(string(out), err)
		}
	} else if os.Getenv("CI") != "" {
		t.Fatal(err)
	}

	// It was moved, or is another copy.
	moved := d.program("PC2")
	d.must(moved.Register(t.Context()))
	if got := d.read(entry); strings.Contains(got, "My PC2") {
		t.Fatal(got)
	}
	d.must(moved.Remove(t.Context()))
	if got := d.files(); got != "mimeapps.list" || strings.Contains(d.read(filepath.Join(d.config, "mimeapps.list")), "pc2") {
		t.Fatal(got)
	}
	d.must(moved.Remove(t.Context()))
}

// A package's entry for the same program is enough; one for another is not.
func TestPackaged(t *testing.T) {
	d := newDesk(t)
	s := d.program("PC2")
	packaged := filepath.Join(d.system, "applications", "pc2.desktop")
	d.write(packaged, "[Desktop Entry]\nExec=/usr/bin/true %u\n")
	d.must(s.Register(t.Context()))
	if got := d.files(); got != everything {
		t.Fatal(got)
	}
	for _, exec := range []string{s.p.Exec, `"` + s.p.Exec + `" "--x" %u`} {
		d.write(packaged, "[Desktop Entry]\nName=PC2\nExec="+exec+"\n")
		d.must(s.Register(t.Context()))
		if got := d.files(); got != "mimeapps.list" {
			t.Fatal("beside the package's:", got)
		}
	}
}

// What the user has written stays: an entry, a default, a file that is a link.
func TestOwn(t *testing.T) {
	d := newDesk(t)
	s := d.program("PC2")
	entry, list := filepath.Join(d.data, "applications", "pc2.desktop"), filepath.Join(d.config, "mimeapps.list")
	d.write(entry, "[Desktop Entry]\nExec=mine\n")
	d.must(s.Register(t.Context()))
	d.must(s.Remove(t.Context()))
	if got := d.files(); got != "applications/pc2.desktop" || !strings.Contains(d.read(entry), "mine") {
		t.Fatal(got)
	}
	d.must(os.Remove(entry))
	dotfiles := filepath.Join(t.TempDir(), "list")
	d.write(dotfiles, "[Default Applications]\nx-scheme-handler/pc2=mine.desktop\n")
	d.must(os.Symlink(dotfiles, list))
	d.must(s.Register(t.Context()))
	d.must(s.Remove(t.Context()))
	if got := d.read(list); got != "[Default Applications]\nx-scheme-handler/pc2=mine.desktop\n" {
		t.Fatal(got)
	}
	d.write(dotfiles, "[Default Applications]\na=b\n")
	d.must(s.Register(t.Context()))
	if info, err := os.Lstat(list); err != nil || info.Mode()&os.ModeSymlink == 0 || !strings.Contains(d.read(dotfiles), "pc2.desktop") {
		t.Fatal(info, err)
	}
}

// macOS reads which links a program opens from its bundle.
func TestInfoPlist(t *testing.T) {
	b, err := os.ReadFile("../../build/darwin/Info.plist")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			values = append(values, string(text))
		}
	}
	all := strings.Join(values, " ")
	for _, want := range []string{"CFBundleURLSchemes " + link.Scheme, "CFBundleExecutable PC2", "NSAllowsLocalNetworking", "CFBundleIdentifier"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is not in it: %s", want, all)
		}
	}
}
