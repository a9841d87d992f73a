//go:build unix

package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"pc2/backend/keychain"
)

// The test binary, started with these, is the program that gets killed.
const (
	envDir    = "PC2_TEST_IDENTITY_DIR"
	envKill   = "PC2_TEST_IDENTITY_KILL" // at which step; steps count from 0
	envPhrase = "PC2_TEST_IDENTITY_PHRASE"
	envKeep   = "PC2_TEST_IDENTITY_CUSTODY" // a number; "": AsIs, and no keychain
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envDir); dir != "" {
		victim(dir)
		return
	}
	// go-keyring keeps its connection to the bus for good.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.(*Conn).inWorker"))
}

// victim opens dir and kills itself before step n, as kill -9 would.
func victim(dir string) {
	n, err := strconv.Atoi(os.Getenv(envKill))
	if err != nil {
		panic(err)
	}
	cfg := Config{Dir: dir}
	if p := os.Getenv(envPhrase); p != "" {
		if cfg.RestorePhrase, err = ParsePhrase(p); err != nil {
			panic(err)
		}
	}
	if keep := os.Getenv(envKeep); keep != "" {
		n, err := strconv.Atoi(keep)
		if err != nil {
			panic(err)
		}
		cfg.Custody, cfg.Keychain = Custody(n), keychain.New()
	}
	count := 0
	_, db, err := open(context.Background(), cfg, func(op, name string) {
		if count == n {
			os.Stdout.WriteString(op + " " + name)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		count++
	})
	if err != nil {
		panic(err)
	}
	if count == n { // after the last step, with the database open
		os.Stdout.WriteString("open")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	db.Close()
}

// kill runs a victim and says where it was killed; "" if it was not.
func kill(t *testing.T, dir string, n int, phrase string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envDir+"="+dir, envKill+"="+strconv.Itoa(n), envPhrase+"="+phrase)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err == nil {
		return ""
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("victim: %v\n%s", err, &errs)
	}
	return string(out)
}

// committed is the node ID in dir, if format.json is there.
func committed(t *testing.T, dir string) (node string, ok bool) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, formatFile)); errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	var r struct{ NodeID string }
	if err := json.Unmarshal(read(t, filepath.Join(dir, recordFile)), &r); err != nil {
		t.Fatal(err)
	}
	return r.NodeID, true
}

// Killed before any step of its first start, and once more during the next one,
// the directory starts; once format.json was there, it is the same node.
func TestKilledInFirstStart(t *testing.T) {
	_, mine, _ := copies(t)
	for name, phrase := range map[string]string{"new": "", "restored": mine.phrase.Reveal()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var points []string
			for n := 0; ; n++ {
				dir := filepath.Join(t.TempDir(), "data")
				at := kill(t, dir, n, phrase)
				points = append(points, at)
				again := ""
				if _, ok := committed(t, dir); !ok {
					again = kill(t, dir, (n*7+3)%22, phrase)
				}
				node, ok := committed(t, dir)
				first := once(t, dir, Phrase{})
				if ok && first.ID().String() != node {
					t.Errorf("killed at %q, then %q: node %s became %s", at, again, node, first.ID())
				}
				if ok && phrase != "" && first.ID() != mine.id.ID() {
					t.Errorf("killed at %q, then %q: not the node of the phrase", at, again)
				}
				if factOf(t, once(t, dir, Phrase{})) != factOf(t, first) {
					t.Errorf("killed at %q, then %q: the next start changed the identity", at, again)
				}
				if at == "" {
					break
				}
			}
			expect(t, points, "mkdir", "create "+keyFile+scratch, "sync "+keyFile+scratch, "rename "+keyFile, "rename "+recordFile, "create "+dbFile+scratch,
				"close "+dbFile+scratch, "rename "+dbFile, "sync .", "rename "+formatFile, "open")
		})
	}
}

// Killed before any step of the restore of a local key, the directory starts with
// the phrase again, and without it as soon as the new slot is there.
func TestKilledInRestore(t *testing.T) {
	for name, lost := range map[string][]string{"local key": {keyFile}, "local key and identity.json": {keyFile, recordFile}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var points []string
			for n := 0; ; n++ {
				dir, mine, _ := copies(t)
				for _, f := range lost {
					remove(t, filepath.Join(dir, f))
				}
				at := kill(t, dir, n, mine.phrase.Reveal())
				points = append(points, at)
				want := factOf(t, mine.id)
				if at == "" || at == "open" { // all was written: the phrase is not needed any more
					if factOf(t, once(t, dir, Phrase{})) != want {
						t.Errorf("killed at %q: another identity without the phrase", at)
					}
				}
				kill(t, dir, (n*3+1)%12, mine.phrase.Reveal())
				if factOf(t, once(t, dir, mine.phrase)) != want || factOf(t, once(t, dir, Phrase{})) != want {
					t.Errorf("killed at %q: another identity", at)
				}
				if at == "" {
					break
				}
			}
			expect(t, points, "create "+keyFile+scratch, "rename "+keyFile, "sync .", "create "+formatFile+scratch, "rename "+formatFile, "open")
		})
	}
}

// expect makes sure that the enumeration went through the places that matter,
// and ended because there were no more.
func expect(t *testing.T, points []string, want ...string) {
	t.Helper()
	i := 0
	for _, p := range points {
		if i < len(want) && strings.HasPrefix(p, want[i]) {
			i++
		}
	}
	if i < len(want) || points[len(points)-1] != "" {
		t.Errorf("killed at %q, which lacks %q", points, want[i:])
	}
	t.Logf("%d points: %q", len(points), points)
}
