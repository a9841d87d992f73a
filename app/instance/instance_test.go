package instance

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A server waits half a second after it cut a body that is too long.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func claim(t *testing.T, dir string) (*Instance, chan []string) {
	t.Helper()
	i, err := Claim(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan []string, 4)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- i.Serve(ctx, func(args []string) { told <- args }) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, i.Release()); err != nil {
			t.Error(err)
		}
	})
	return i, told
}

func TestSecondStartTellsTheFirst(t *testing.T) {
	dir := t.TempDir()
	i, told := claim(t, dir)
	if fi, err := os.Stat(i.file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatal(fi, err)
	}
	args := []string{"pc2://open/Documents", "x y"}
	if _, err := Claim(t.Context(), dir, args); !errors.Is(err, ErrTold) {
		t.Fatal(err)
	}
	if got := <-told; !slices.Equal(got, args) {
		t.Fatal(got)
	}
	if err := i.tell(t.Context(), slices.Repeat([]string{"x"}, maxArgs+1)); err == nil || !strings.Contains(err.Error(), "400") {
		t.Fatal("too many arguments:", err)
	}
}

func TestReleasedDirectoryIsFree(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		i, err := Claim(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Release(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "runtime", "desktop.json")); !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// One that is killed leaves its note, and no lock.
func TestLeftNote(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "runtime"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "runtime", "desktop.json"), []byte(`{"url":"http://192.0.2.1:1","token":"x"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	i, told := claim(t, dir)
	if fi, err := os.Stat(i.file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatal(fi, err)
	}
	if _, err := Claim(t.Context(), dir, nil); !errors.Is(err, ErrTold) {
		t.Fatal(err)
	}
	<-told
}

// The note is this user's, yet nobody is sent to another computer with the token.
func TestForeignNote(t *testing.T) {
	dir := t.TempDir()
	i, _ := claim(t, dir)
	for _, url := range []string{"http://192.0.2.1:1", "http://127.0.0.1.example:1", "http://localhost:1", "::"} {
		b, _ := json.Marshal(note{URL: url, Token: "x"})
		if err := os.WriteFile(i.file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := Claim(ctx, dir, nil); err == nil || errors.Is(err, ErrTold) {
			t.Errorf("%s: %v", url, err)
		}
		cancel()
	}
}

func TestDoorIsForThisUser(t *testing.T) {
	i, told := claim(t, t.TempDir())
	url := "http://" + i.ln.Addr().String()
	tr := &http.Transport{DisableKeepAlives: true}
	ask := func(method, path, body string, change func(*http.Request)) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+i.token)
		change(req)
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	same := func(*http.Request) {}
	for name, c := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		want               int
	}{
		"no token":    {"POST", "/show", "[]", func(r *http.Request) { r.Header.Del("Authorization") }, 403},
		"wrong token": {"POST", "/show", "[]", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 403},
		"a page":      {"POST", "/show", "[]", func(r *http.Request) { r.Header.Set("Origin", url) }, 403},
		"fetched":     {"POST", "/show", "[]", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 403},
		"rebinding":   {"POST", "/show", "[]", func(r *http.Request) { r.Host = "evil.example" }, 403},
		"GET":         {"GET", "/show", "", same, 403},
		"elsewhere":   {"POST", "/", "[]", same, 403},
		"no list":     {"POST", "/show", "{", same, 400},
		"too long":    {"POST", "/show", `["` + strings.Repeat("x", maxMessage) + `"]`, same, 400},
		"right":       {"POST", "/show", `["a"]`, same, 204},
	} {
		if got := ask(c.method, c.path, c.body, c.change); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if got := <-told; !slices.Equal(got, []string{"a"}) || len(told) != 0 {
		t.Fatal(got, len(told))
	}
}
