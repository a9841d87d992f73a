package content

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// gated is a group whose rounds say when they begin and wait to be let go.
func gated() (g *group, begun, let chan struct{}) {
	begun, let = make(chan struct{}), make(chan struct{})
	return &group{sync: func() error { begun <- struct{}{}; <-let; return nil }}, begun, let
}

// Whoever comes during a round shares the next one: the running one may have
// looked at the folder already.
func TestWaitersShareOneSync(t *testing.T) {
	g, begun, let := gated()
	var wg sync.WaitGroup
	wait := func() {
		wg.Go(func() {
			if err := g.wait(g.mark()); err != nil {
				t.Error(err)
			}
		})
	}
	wait()
	<-begun
	for range 100 {
		wait()
	}
	eventually(t, "somebody leads the next round", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.next != nil
	})
	time.Sleep(50 * time.Millisecond) // so that the others join; the worst is another round
	rounds := 0
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for let <- struct{}{}; ; {
		select {
		case <-begun:
			rounds++
			let <- struct{}{}
			continue
		case <-done:
		}
		break
	}
	if rounds == 0 || rounds > 20 {
		t.Fatalf("%d more rounds for 100 waiters", rounds)
	}
}

// What was there when a sync failed is lost, although the next sync succeeds.
func TestFailedRoundFailsAllWhoseEntryWasThere(t *testing.T) {
	boom := errors.New("boom")
	var next error
	g := &group{sync: func() error { return next }}
	before := g.mark()
	next = boom
	if err := g.wait(g.mark()); err != boom {
		t.Fatal(err)
	}
	next = nil
	if err := g.wait(before); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	if err := g.wait(g.mark()); err != nil {
		t.Fatal(err)
	}
}
