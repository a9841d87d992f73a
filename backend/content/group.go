package content

import (
	"errors"
	"sync"
	"sync/atomic"
)

// group lets everybody who waits share one sync of a folder. The first to come
// leads the next round; it waits for the round before, then takes all who came
// meanwhile.
type group struct {
	sync func() error

	busy   sync.Mutex   // held during a round
	failed atomic.Int64 // rounds; written with busy held
	mu     sync.Mutex   // guards next; never held while waiting
	next   *round       // who comes now joins this one
}

type round struct {
	done chan struct{}
	err  error // set before done is closed
}

// errLost: after a failed sync the kernel may call clean what never reached the
// disk, so that a later sync succeeds without it.
var errLost = errors.New("a sync of the folder failed since the file was made")

// mark is taken before an entry is made; wait fails if a round has failed since.
func (g *group) mark() int64 { return g.failed.Load() }

// wait is join, and fails all whose entry was there to be lost in a failed round.
func (g *group) wait(mark int64) error {
	if err := g.join(); err != nil {
		return err
	}
	if g.failed.Load() != mark {
		return errLost
	}
	return nil
}

// join returns once a sync that began after the call has ended. Its error is
// that of all who share it.
func (g *group) join() error {
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
	if r.err = g.sync(); r.err != nil {
		g.failed.Add(1)
	}
	close(r.done)
	return r.err
}
