//go:build linux

package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEntry(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	a := New(Entry{ID: "pc2", Name: "PC2", Exec: "/opt/My PC2/PC2", Args: []string{"--hidden"}})
	want := func(on bool) {
		t.Helper()
		if got, err := a.Enabled(); err != nil || got != on {
			t.Fatal(got, err)
		}
	}
	want(false)
	for range 2 {
		if err := a.Set(true); err != nil {
			t.Fatal(err)
		}
		want(true)
	}
	file := filepath.Join(dir, "autostart", "pc2.desktop")
	b, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(b), "\nExec=\"/opt/My PC2/PC2\" \"--hidden\"\n") {
		t.Fatal(string(b), err)
	}
	if all, err := os.ReadDir(filepath.Dir(file)); err != nil || len(all) != 1 {
		t.Fatal("something is left", all, err)
	}
	// The desktop's own settings turn it off like this.
	if err := os.WriteFile(file, append(b, "Hidden=true\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	want(false)
	for range 2 {
		if err := a.Set(false); err != nil {
			t.Fatal(err)
		}
		want(false)
	}
}

func TestQuoting(t *testing.T) {
	for in, want := range map[string]string{
		`a b`: `"a b"`, `50%`: `"50%%"`, `$x`: `"\\$x"`, "`": "\"\\\\`\"", `q"q`: `"q\\"q"`, `b\s`: `"b\\\\s"`, "n\nl": `"n\nl"`,
	} {
		got := strings.TrimPrefix(strings.Split(Entry{Exec: in}.desktopFile(), "Exec=")[1], "")
		if got = strings.SplitN(got, "\nTerminal", 2)[0]; got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		`C:\Program Files\PC2\PC2.exe`: `"C:\Program Files\PC2\PC2.exe"`, `D:\`: `"D:\\"`, `a"b`: `"a\"b"`, `a\"b`: `"a\\\"b"`, ``: `""`,
	} {
		if got := windowsQuote(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := (Entry{Exec: `C:\a b\PC2.exe`, Args: []string{"--data", `D:\`}}).CommandLine(); got != `"C:\a b\PC2.exe" "--data" "D:\\"` {
		t.Error(got)
	}
	plist := Entry{ID: "pc2", Exec: "/a & b/<PC2>", Args: []string{"--hidden"}}.launchAgent()
	if !strings.Contains(plist, "<string>/a &amp; b/&lt;PC2&gt;</string>") || !strings.Contains(plist, "<string>--hidden</string>") {
		t.Error(plist)
	}
}

// The system's own judge, where it is installed.
func TestDesktopFileIsValid(t *testing.T) {
	tool, err := exec.LookPath("desktop-file-validate")
	if err != nil {
		t.Skip("desktop-file-validate (Debian: desktop-file-utils) is not installed")
	}
	file := filepath.Join(t.TempDir(), "pc2.desktop")
	if err := os.WriteFile(file, []byte(Entry{Name: "PC2", Exec: `/opt/a b/"$x"/PC2`, Args: []string{"--data", "/50%/x"}}.desktopFile()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatal(string(out), err)
	}
}
