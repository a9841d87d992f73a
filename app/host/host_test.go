package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/connectivity"
	"pc2/backend/node"
)

// Each log file that was opened keeps a goroutine for good (lumberjack's issue 56),
// and go-keyring its connection to the bus.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"),
		goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.(*Conn).inWorker"))
}

type story struct {
	*testing.T
	host   *Host
	states chan State
	end    func() error
}

func run(t *testing.T, cfg node.Config) *story {
	t.Helper()
	s := &story{T: t, states: make(chan State, 64)}
	profile, err := node.LoadProfile("local")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Profile, cfg.UI = profile, fstest.MapFS{}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	var log bytes.Buffer
	s.host = New(Config{Node: cfg, Changed: func(x State) { s.states <- x }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.host.Run(ctx) }()
	ended := false
	s.end = func() error {
		if ended {
			return nil
		}
		ended = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return s
}

// until waits for a state of one of the kinds.
func (s *story) until(kinds ...Kind) State {
	s.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case x := <-s.states:
			for _, k := range kinds {
				if x.Kind == k {
					return x
				}
			}
		case <-late:
			s.Fatalf("no state %v; it is %+v", kinds, s.host.State())
		}
	}
}

func health(t *testing.T, url string) error {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	res, err := c.Get(url + "/health")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func TestStartStopStart(t *testing.T) {
	dir := t.TempDir()
	s := run(t, node.Config{Dir: dir, WantedName: "alice"})
	if s.host.State().Kind != Stopped || s.host.Enter("/") != "" || s.host.Page() != "" {
		t.Fatal("it runs unasked")
	}
	s.host.Start()
	s.until(Starting)
	up := s.until(Relay)
	if !up.Running() || !strings.HasPrefix(up.Address, "http://alice.localhost:") {
		t.Fatalf("%+v", up)
	}
	if err := health(t, up.URL); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.host.Enter("/"), up.URL+"/desktop/enter?k=") || !strings.HasPrefix(s.host.Page(), up.URL+"/desktop/enter?k=") {
		t.Fatal(s.host.Enter("/"), s.host.Page())
	}
	for range 2 {
		s.host.Stop()
		s.until(Stopped)
		if err := health(t, up.URL); err == nil {
			t.Fatal("a stopped node answers")
		}
		if s.host.Enter("/") != "" {
			t.Fatal("a way in to a stopped node")
		}
		n, err := node.New(t.Context(), node.Config{Dir: dir, Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal("the directory is still locked:", err)
		}
		n.Close()
		s.host.Start()
		if again := s.until(Relay); again.URL != up.URL || again.Address != up.Address {
			t.Fatalf("it moved: %+v", again)
		}
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	s.until(Stopped)
	if _, err := os.Stat(filepath.Join(dir, "runtime", "control.json")); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a control file is left:", err)
	}
}

func TestTroubleStaysUntilSomebodyStarts(t *testing.T) {
	dir := t.TempDir()
	other, err := node.New(t.Context(), node.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s := run(t, node.Config{Dir: dir})
	s.host.Start()
	if x := s.until(Trouble); !errors.Is(x.Err, node.ErrLocked) || x.Running() || !strings.Contains(x.Sentence, "another PC2") {
		t.Fatalf("%+v", x)
	}
	other.Close()
	s.host.Start()
	if x := s.until(Local); x.Address != "" || x.Sentence == "" {
		t.Fatalf("%+v", x)
	}
}

// Stopped before it has started, and the other way round: the last word counts.
func TestTheLastWordCounts(t *testing.T) {
	s := run(t, node.Config{Dir: t.TempDir()})
	for range 3 {
		s.host.Start()
		s.until(Starting)
		s.host.Stop()
		s.until(Stopped)
	}
	s.host.Start()
	s.host.Stop()
	s.host.Start()
	x := s.until(Local)
	for range 5 { // started again while it is still stopping
		s.host.Stop()
		for s.until(Starting, Stopped).Sentence != "PC2 is stopping…" {
		}
		s.host.Start()
		s.until(Local)
	}
	for range 20 {
		s.host.Stop()
		s.host.Start()
	}
	deadline := time.Now().Add(time.Minute)
	for health(t, x.URL) != nil || !s.host.State().Running() {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", s.host.State())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		net  connectivity.State
		err  error
		want Kind
	}{
		{connectivity.State{Path: "direct", Name: "a"}, nil, Direct},
		{connectivity.State{Path: "mapped", Name: "a"}, nil, Router},
		{connectivity.State{Path: connectivity.Relay, Name: "a"}, nil, Relay},
		{connectivity.State{Path: connectivity.Relay}, nil, Local},
		{connectivity.State{Path: connectivity.Offline, Name: "a"}, nil, Local},
		{connectivity.State{Path: connectivity.Offline, Trying: true}, nil, Starting},
		{connectivity.State{Path: connectivity.Offline, Name: "a", Trying: true}, errors.New("disk"), Trouble},
		{connectivity.State{Path: "direct", Name: "a"}, errors.New("disk"), Trouble},
	} {
		if got := running("http://x", c.net, c.err); got.Kind != c.want || got.Sentence == "" || !got.Running() {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}
