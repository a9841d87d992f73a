//go:build !windows && !darwin

package scheme

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// mark is in the entries that Register wrote.
const mark = "X-PC2-Registered=true\n"

// places are where this user's things belong.
type places struct{ entry, icon, defaults string }

func (s *Scheme) places() (p places, err error) {
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) {
		home, err := os.UserHomeDir()
		if err != nil {
			return p, err
		}
		data = filepath.Join(home, ".local", "share")
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return p, err
	}
	return places{
		entry:    filepath.Join(data, "applications", s.p.ID+".desktop"),
		icon:     filepath.Join(data, "icons", "hicolor", "256x256", "apps", s.p.ID+".png"),
		defaults: filepath.Join(config, "mimeapps.list"),
	}, nil
}

func (s *Scheme) kind() string { return "x-scheme-handler/" + s.p.Scheme }
func (s *Scheme) app() string  { return s.p.ID + ".desktop" }

// desktopFile is the entry in the launcher.
func (s *Scheme) desktopFile() string {
	start := s.p.Entry
	start.Args = append(start.Args[:len(start.Args):len(start.Args)], "--")
	try := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s.p.Exec)
	return "[Desktop Entry]\nType=Application\nName=" + s.p.Name + "\nComment=Your personal cloud\nExec=" + start.DesktopExec() + " %u\nTryExec=" + try +
		"\nIcon=" + s.p.ID + "\nTerminal=false\nCategories=Network;FileTransfer;\nMimeType=" + s.kind() + ";\nStartupWMClass=" + s.p.Name + "\n" + mark
}

// Register writes what is missing or has changed.
func (s *Scheme) Register(ctx context.Context) error {
	if err := s.register(ctx); err != nil {
		return fmt.Errorf("register %s:// links: %w", s.p.Scheme, err)
	}
	return nil
}

func (s *Scheme) register(ctx context.Context) error {
	p, err := s.places()
	if err != nil {
		return err
	}
	have, err := read(p.entry)
	if err != nil {
		return err
	}
	ours := bytes.Contains(have, []byte(mark))
	if s.packaged() {
		if ours { // from before; it would hide the package's
			return s.take(ctx, p)
		}
		return nil
	}
	if len(have) > 0 && !ours {
		return nil // somebody has written an own one
	}
	if _, err := keep(p.icon, s.p.Icon, 0o644); err != nil {
		return err
	}
	changed, err := keep(p.entry, []byte(s.desktopFile()), 0o644)
	if err != nil {
		return err
	}
	list, err := read(p.defaults)
	if err != nil {
		return err
	}
	if _, err := keep(p.defaults, []byte(withDefault(string(list), s.kind(), s.app())), 0o600); err != nil {
		return err
	}
	if changed {
		s.refresh(ctx, p)
	}
	return nil
}

// packaged says whether the system has an entry for this very program.
func (s *Scheme) packaged() bool {
	dirs := os.Getenv("XDG_DATA_DIRS")
	if dirs == "" {
		dirs = "/usr/local/share:/usr/share"
	}
	me, err := os.Stat(s.p.Exec)
	if err != nil {
		return false
	}
	for dir := range strings.SplitSeq(dirs, ":") {
		b, err := os.ReadFile(filepath.Join(dir, "applications", s.app()))
		if !filepath.IsAbs(dir) || err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			command, ok := strings.CutPrefix(line, "Exec=")
			if !ok {
				continue
			}
			name, err := exec.LookPath(program(command))
			if err != nil {
				continue
			}
			if it, err := os.Stat(name); err == nil && os.SameFile(me, it) {
				return true
			}
		}
	}
	return false
}

// program is the first word of Exec; packages quote none with a quote in it.
func program(command string) string {
	command = strings.TrimSpace(command)
	if rest, ok := strings.CutPrefix(command, `"`); ok {
		name, _, _ := strings.Cut(rest, `"`)
		return name
	}
	name, _, _ := strings.Cut(command, " ")
	return name
}

// Remove takes back what Register wrote.
func (s *Scheme) Remove(ctx context.Context) error {
	p, err := s.places()
	if err == nil {
		var have []byte
		if have, err = read(p.entry); err == nil && bytes.Contains(have, []byte(mark)) {
			err = s.take(ctx, p)
		}
	}
	if err != nil {
		return fmt.Errorf("take back %s:// links: %w", s.p.Scheme, err)
	}
	return nil
}

func (s *Scheme) take(ctx context.Context, p places) error {
	list, err := read(p.defaults)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		if _, err := keep(p.defaults, []byte(withoutDefault(string(list), s.kind(), s.app())), 0o600); err != nil {
			return err
		}
	}
	for _, f := range []string{p.icon, p.entry} {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	s.refresh(ctx, p)
	return nil
}

// refresh has the desktop's own index made anew. Where its tool is missing, or
// fails, mimeapps.list alone says who opens the links.
func (s *Scheme) refresh(ctx context.Context, p places) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_ = exec.CommandContext(ctx, "update-desktop-database", filepath.Dir(p.entry)).Run()
}

func read(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// keep writes a file that has another content, whole or not at all. A link
// stays one: some keep their settings elsewhere.
func keep(file string, content []byte, mode os.FileMode) (changed bool, err error) {
	if have, err := read(file); err != nil || bytes.Equal(have, content) {
		return false, err
	}
	if to, err := filepath.EvalSymlinks(file); err == nil {
		file = to
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".pc2-*")
	if err != nil {
		return false, err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return false, errors.Join(err, os.Remove(f.Name()))
	}
	return true, nil
}
