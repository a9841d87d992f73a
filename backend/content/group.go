package content

import "sync"

// group lets everybody who waits share one sync. The first to come leads the
// next round; it waits for the round before, then takes all who came meanwhile.
type group struct {
	sync func() error

	busy sync.Mutex // held during a round, and by hold
	mu   sync.Mutex // guards next; never held while waiting
	next *round     // who comes now joins this one
}

type round struct {
	done chan struct{}
	err  error // set before done is closed
}

// wait returns once a sync that began after the call has ended. Its error is
// that of all who share it: nobody may assume that a second try repairs it.
func (g *group) wait() error {
	g.mu.Lock()
	r, lead := g.next, g.next == nil
	if lead {
		r = &round{done: make(chan struct{})}
		g.next = r
	}
	g.mu.Unlock()
	if !lead {
		<-r.done
		return r.err
	}
	g.busy.Lock()
	defer g.busy.Unlock()
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	r.err = g.sync()
	close(r.done)
	return r.err
}

// hold runs fn while no round is running and none can begin.
func (g *group) hold(fn func()) {
	g.busy.Lock()
	defer g.busy.Unlock()
	fn()
}
