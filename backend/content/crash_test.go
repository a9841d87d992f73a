//go:build unix

package content

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"pc2/backend/store"
)

// The test binary runs itself as a child that kills itself, with SIGKILL, at the
// n-th fault point. The parent counts n up until the child gets through, so that
// every gap between two steps is tried.
const (
	childDir   = "PC2_CONTENT_CHILD" // the child's folder; "" in the parent
	childPoint = "PC2_CONTENT_POINT" // where to die
	childStory = "PC2_CONTENT_STORY" // what to do
	ackFile    = "acknowledged"      // what the child was told and heard, a line each
	pointFile  = "points"            // names of the points passed
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(childMain(dir))
	}
	goleakMain(m)
}

// stories are what children do. Each step is said before and after it is done.
var stories = map[string]func(s *Store, say func(string)) error{
	"open":    func(*Store, func(string)) error { return nil }, // the one that may die in Open
	"recover": func(*Store, func(string)) error { return nil },
	"work":    workStory,
}

func childMain(dir string) int {
	n, err := strconv.ParseInt(os.Getenv(childPoint), 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var at atomic.Int64
	points := appendTo(filepath.Join(dir, pointFile))
	acks := appendTo(filepath.Join(dir, ackFile))
	story := os.Getenv(childStory)
	opened := story == "open"
	die := func(point string) error {
		if !opened || strings.HasPrefix(point, "open") { // nothing changes at an open
			return nil
		}
		fmt.Fprintln(points, point)
		if at.Add(1) == n {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	err = func() error {
		db, err := store.Open(context.Background(), store.Config{Path: filepath.Join(dir, "pc2.db")})
		if err != nil {
			return err
		}
		defer db.Close()
		s, err := openProbed(dir, db, die)
		if err != nil {
			return err
		}
		opened = true
		if err := s.Recover(context.Background()); err != nil {
			return err
		}
		return stories[story](s, func(line string) { fmt.Fprintln(acks, line) })
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

// openProbed opens a store on real files with the probe around them.
func openProbed(dir string, db *store.DB, at func(string) error) (*Store, error) {
	d, err := openDisk(filepath.Join(dir, "objects"))
	if err != nil {
		return nil, err
	}
	var inner disk = d
	if os.Getenv("PC2_CONTENT_NOLINKS") != "" {
		inner = linkless{d}
	}
	return Open(Config{DB: db, disk: probe{inner, at}, write: commits(db, at), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
}

// linkless is a disk without hard links.
type linkless struct{ disk }

func (linkless) Link(_, _ string) error { return errNoLinks }

func appendTo(name string) *os.File {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	return f
}

// workStory goes once through everything that changes the disk.
func workStory(s *Store, say func(string)) error {
	m := newModel("")
	ctx := context.Background()
	do := func(step string, f func() error) error {
		say("begin " + step)
		if err := f(); err != nil {
			return err
		}
		say("done " + step)
		return nil
	}
	write := func(name string, size int64) func() error {
		return func() error { return m.write(ctx, s, name, size) }
	}
	return errors.Join(
		do(fmt.Sprintf("write a 1 %d", 2*segPlain+5), write("a", 2*segPlain+5)),
		do("write b 2 100", write("b", 100)),
		do(fmt.Sprintf("write c 3 %d", segPlain+1), write("c", segPlain+1)),
		do("settle", func() error { s.fileAway(ctx); return nil }),
		do(fmt.Sprintf("write a 4 %d", 3*segPlain), write("a", 3*segPlain)),     // over a filed one
		do(fmt.Sprintf("write a 5 %d", 3*segPlain+1), write("a", 3*segPlain+1)), // over one in incoming
		do("cut", func() error {
			_, err := s.Stage(ctx, cut{newStream(3 * segPlain)}, Options{})
			if err == nil {
				return errors.New("staged")
			}
			return nil
		}),
		do("discard", func() error {
			d, err := s.Stage(ctx, newStream(3*segPlain), Options{})
			if err == nil {
				s.Discard(d)
			}
			return err
		}),
		do("refuse", func() error {
			d, err := s.Stage(ctx, newStream(3*segPlain), Options{})
			if err != nil {
				return err
			}
			if err := s.Commit(ctx, d, func(*store.Tx) error { return errPower }); !errors.Is(err, errPower) {
				return fmt.Errorf("committed: %w", err)
			}
			return nil
		}),
		do("copy a d", func() error { return m.copy(s, "a", "d") }),
		do("settle", func() error { settle(s); return nil }),
		do("remove a", func() error { return m.remove(s, "a") }),
		do("remove b", func() error { return m.remove(s, "b") }),
		do("remove c", func() error { return m.remove(s, "c") }),
		do("settle", func() error { settle(s); return nil }),
		do(fmt.Sprintf("write e 6 %d", 17*segPlain), write("e", 17*segPlain)),
	)
}

// heard replays what a child said into what the store must hold.
func heard(t *testing.T, dir string) *model {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, ackFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := newModel("")
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := strings.Fields(lines.Text())
		var v version
		name := ""
		switch w[1] {
		case "write":
			name = w[2]
			if v.seed, err = strconv.ParseUint(w[3], 10, 64); err == nil {
				v.size, err = strconv.ParseInt(w[4], 10, 64)
			}
			if err != nil {
				t.Fatal(err)
			}
		case "copy":
			name, v = w[3], m.now[w[2]]
		case "remove":
			name = w[2]
		default:
			continue
		}
		if w[0] == "begin" {
			m.maybe[name] = []version{v}
		} else {
			m.now[name], m.maybe[name] = v, nil
		}
	}
	return m
}

// run runs a child; it says whether the child was killed at its point.
func run(t *testing.T, dir, story string, point int, env ...string) bool {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), append(env, childDir+"="+dir, childStory+"="+story, childPoint+"="+strconv.Itoa(point))...)
	out, err := c.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() && w.Signal() == syscall.SIGKILL {
			return true
		}
	}
	t.Fatalf("child: %v\n%s", err, out)
	return false
}

// verify recovers for real and compares with what the child heard.
func verify(t *testing.T, dir string, links bool) {
	t.Helper()
	db := openTestDB(t, dir)
	defer db.Close()
	s, err := openProbed(dir, db, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.links = links
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := fsck(s); err != nil {
		t.Fatal(err)
	}
	if err := heard(t, dir).settleOn(s); err != nil {
		t.Fatal(err)
	}
}

func TestKillAnywhere(t *testing.T) {
	for name, env := range map[string][]string{"links": nil, "no links": {"PC2_CONTENT_NOLINKS=1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			links := env == nil
			step := 1
			if testing.Short() {
				step = 7
			}
			template := t.TempDir()
			openTestDB(t, template).Close()
			for n := 1; ; n += step {
				dir := ramDir(t)
				if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
					t.Fatal(err)
				}
				if !run(t, dir, "work", n, env...) {
					t.Logf("%d points", n-1)
					names(t, dir, links)
					verify(t, dir, links)
					return
				}
				// The recovery is killed too, at its first point, its second, and so on.
				for m := 1; run(t, dir, "recover", m, env...); m++ {
				}
				verify(t, dir, links)
			}
		})
	}
}

func TestKillWhileOpening(t *testing.T) {
	dir := ramDir(t)
	openTestDB(t, dir).Close()
	step := 1
	if testing.Short() {
		step = 50
	}
	for n := 1; run(t, dir, "open", n); n += step {
	}
	verify(t, dir, true)
}

// names checks that the story came by everything that there is.
func names(t *testing.T, dir string, links bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, pointFile))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	slices.Sort(all)
	all = slices.Compact(all)
	t.Log(all)
	for _, want := range []string{"create in incoming", "write", "sync file", "close", "sync folder incoming", "before commit", "in commit", "after commit",
		map[bool]string{true: "link into xx", false: "create in xx"}[links], "sync folder xx", "remove from incoming", "remove from xx", "list incoming"} {
		if !slices.Contains(all, want) {
			t.Errorf("no point %q", want)
		}
	}
}
