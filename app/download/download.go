package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTries = 1000 // names that are taken
	maxName  = 200  // bytes; systems stop at 255, and a number may come
)

// Save writes a file of that name into dir, by write, and says which name it has
// got. Nothing is left of one that fails, or whose ctx ends.
func Save(ctx context.Context, dir, name string, write func(io.Writer) error) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("the folder for downloads: %w", err)
	}
	f, err := os.CreateTemp(dir, ".pc2-*.part")
	if err != nil {
		return "", fmt.Errorf("save a download: %w", err)
	}
	err = write(untilDone{ctx, f})
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close(), ctx.Err())
	if err == nil {
		name, err = settle(dir, f.Name(), Name(name))
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("save a download: %w", err), gone(os.Remove(f.Name())))
	}
	return name, nil
}

// untilDone fails once ctx has ended.
type untilDone struct {
	ctx context.Context
	w   io.Writer
}

func (u untilDone) Write(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(b)
}

// settle gives the finished file the first name that is free. Others may want
// the same one at the same time, so nothing is looked up beforehand.
func settle(dir, tmp, name string) (string, error) {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if stem == "" {
		stem, ext = name, ""
	}
	for n := 1; n <= maxTries; n++ {
		if n > 1 {
			name = fmt.Sprintf("%s (%d)%s", stem, n, ext)
		}
		err := claim(tmp, filepath.Join(dir, name))
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
	return "", fmt.Errorf("%q and %d more names are taken", name, maxTries)
}

// claim is a rename that replaces nothing.
func claim(tmp, file string) error {
	err := os.Link(tmp, file)
	if err == nil {
		return os.Remove(tmp)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	// Memory sticks and network disks know no links: there the name is taken first.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Rename(tmp, file)); err != nil {
		return errors.Join(err, gone(os.Remove(file)))
	}
	return nil
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Name is how a name can stand on the disk of this PC. Names of PC2 know fewer
// limits than Windows does, and come from anywhere.
func Name(name string) string { return nameFor(runtime.GOOS, name) }

func nameFor(system, name string) string {
	bad := "/"
	if system == "windows" {
		bad = `/\:*?"<>|`
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || strings.ContainsRune(bad, r) || unicode.Is(unicode.Bidi_Control, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if system == "windows" {
		name = strings.TrimRight(name, ". ")
		if stem, _, _ := strings.Cut(name, "."); device(strings.TrimRight(stem, " ")) {
			name = "_" + name
		}
	}
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return shorten(name)
}

// shorten keeps the extension.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	stem := name[:maxName-len(ext)]
	for !utf8.ValidString(stem) { // cut within a letter
		stem = stem[:len(stem)-1]
	}
	return stem + ext
}

// device says whether Windows keeps the name for itself.
func device(stem string) bool {
	s := strings.ToUpper(stem)
	switch s {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, p := range []string{"COM", "LPT"} {
		if rest, ok := strings.CutPrefix(s, p); ok && utf8.RuneCountInString(rest) == 1 && strings.ContainsAny(rest, "0123456789¹²³") {
			return true
		}
	}
	return false
}
