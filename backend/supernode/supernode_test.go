package supernode

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pc2/backend/boson"
	"pc2/backend/boson/activeproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func local(dir string) Config {
	return Config{Dir: dir, Domain: "localhost", Scheme: "http", PublicHost: "127.0.0.1", HTTP: "127.0.0.1:0", Proxy: "127.0.0.1:0"}
}

func open(t *testing.T, cfg Config) *SuperNode {
	t.Helper()
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// The key and the ports stay; a port that somebody took meanwhile is replaced,
// and the new one stays from then on.
func TestKeyAndPortsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, local(dir))
	first := s.Ready()
	if _, err := New(t.Context(), local(dir)); err == nil {
		t.Fatal("two on one folder")
	}
	s.Close()
	s = open(t, local(dir))
	if again := s.Ready(); again != first {
		t.Fatalf("%+v became %+v", first, again)
	}
	s.Close()
	taken, err := net.Listen("tcp", first.HTTPAddr)
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, local(dir))
	moved := s.Ready()
	if moved.HTTPAddr == first.HTTPAddr || moved.ProxyAddr != first.ProxyAddr || moved.NodeID != first.NodeID {
		t.Fatalf("%+v became %+v", first, moved)
	}
	s.Close()
	taken.Close()
	s = open(t, local(dir))
	if again := s.Ready(); again != moved {
		t.Fatalf("%+v became %+v", moved, again)
	}
	if fi, err := os.Stat(filepath.Join(dir, "key")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatal(fi.Mode(), err)
	}
}

func TestDamagedKeyIsRefusedAndLeft(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), local(dir)); err == nil {
		t.Fatal("taken")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "half a key" {
		t.Fatal(string(b), err)
	}
}

// A device that no name names gets no relay session.
func TestUnnamedDeviceIsRefused(t *testing.T) {
	s := open(t, local(t.TempDir()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	node := boson.KeyFromSeed(boson.Seed{1})
	c, err := activeproxy.NewClient(activeproxy.ClientConfig{Relay: s.Ready().ProxyAddr, Peer: s.ID(), Device: node.RelayDevice(s.ID()), User: node.ID()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	limit, done := context.WithTimeout(t.Context(), 30*time.Second)
	defer done()
	if err := c.Run(limit); !errors.Is(err, activeproxy.ErrRefused) {
		t.Fatalf("got %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
