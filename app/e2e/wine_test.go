//go:build linux

package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// windowsPath is how a program under wine sees a file of this system.
func windowsPath(file string) string { return "Z:" + strings.ReplaceAll(file, "/", `\`) }

// The Windows program under wine: node, tray, a second start, and the browser in
// place of a window, since wine has no WebView2.
func TestWindowsProgram(t *testing.T) {
	app := os.Getenv("PC2_WINDOWS_APP")
	if app == "" {
		t.Skip("needs wine and the program for Windows: run it by make wine")
	}
	s := newStage(t)
	s.set("WINEDEBUG", "-all")
	p := &program{stage: s, file: filepath.Join(s.dir, "log"), ready: filepath.Join(s.dir, "ready.json"), data: filepath.Join(s.dir, "data"), ended: make(chan struct{})}
	command := func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "wine", append([]string{app, "--hidden", "--data", windowsPath(p.data), "--listen", "127.0.0.1:0", "--profile", "local", "--name", "alice"}, args...)...)
		cmd.Env = s.env
		return cmd
	}
	out, err := os.Create(p.file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd = command(context.Background(), "--register", "--ready-file", windowsPath(p.ready))
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its state is looked at
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	s.running = p
	s.until("the ready file", func() bool {
		if p.gone() {
			t.Fatalf("it ended with %v\n%s", p.cmd.ProcessState, tail(p.log()))
		}
		return p.isReady()
	})
	p.logs("tray: menu built", 0)
	if b, err := get(p.tells().URL + "/health"); err != nil || !strings.Contains(b, `"ok"`) {
		t.Fatal(b, err)
	}

	token := p.claim()
	content := bytes.Repeat([]byte("PC2 on Windows\r\n"), 100_000)
	ask := func(method, path string, body io.Reader) []byte {
		t.Helper()
		req, err := http.NewRequest(method, p.tells().URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		c := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s %s: %d %.200s %v", method, path, res.StatusCode, b, err)
		}
		return b
	}
	ask("PUT", "/write?path=~/file", bytes.NewReader(content))
	if got := ask("GET", "/read?path=~/file", nil); !bytes.Equal(got, content) {
		t.Fatal("another file came back:", len(got))
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if b, err := command(ctx, "pc2://about").CombinedOutput(); err != nil {
		t.Fatalf("a second start: %v %s", err, b)
	}
	p.logs("WebView2 runtime is not installed", 0)
	s.until("the browser", func() bool { return len(s.opens()) > 0 })
	if b, err := get(s.opens()[0]); err != nil || !strings.Contains(b, "200 OK") {
		t.Fatal(s.opens(), b, err)
	}

	// A link as the registry says that it is opened. (Wine's
	// own start says "path not found" to it.)
	registered := func() ([]byte, error) {
		query := exec.CommandContext(ctx, "wine", "reg", "query", `HKCU\Software\Classes\pc2\shell\open\command`)
		query.Env = s.env
		return query.CombinedOutput()
	}
	want := `"` + windowsPath(app) + `" "--data" "` + windowsPath(p.data) + `" "--profile" "local" "--listen" "127.0.0.1:0" "--name" "alice" "--" "%1"`
	s.until("it is registered", func() bool { b, err := registered(); return err == nil && strings.Contains(string(b), want) })
	n := len(s.opens())
	if b, err := command(ctx, "--", "pc2://address").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, b)
	}
	s.until("the link arrives", func() bool { return len(s.opens()) > n })
	if b, err := get(s.opens()[n]); err != nil || !strings.Contains(b, "/desktop/address") {
		t.Fatal(b, err)
	}
	if b, err := command(ctx, "--unregister").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, b)
	}
	if b, err := registered(); err == nil {
		t.Fatalf("still registered: %s", b)
	}

	// Quit is the last entry of the menu, which the panel's icon opens.
	s.until("the icon's menu quits", func() bool {
		s.do("mousemove", "1200", "16", "click", "3")
		time.Sleep(time.Second)
		s.picture("windows-menu")
		s.do("mousemove", "1071", "216", "click", "1")
		for range 50 {
			if p.gone() {
				return true
			}
			time.Sleep(100 * time.Millisecond)
		}
		return false
	})
	if code := p.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(p.log(), "msg=ended") {
		t.Fatalf("exit %d\n%s", code, tail(p.log()))
	}
	if left, err := os.ReadDir(filepath.Join(p.data, "runtime")); err != nil || len(left) != 0 {
		t.Fatal("something in runtime is left:", left, err)
	}
}
