package content

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var errPower = errors.New("power is off")

var seedFlag = flag.Uint64("seed", 0, "of the power-loss model; 0: from the clock")

// outlet is the power: it fails every point from the n-th on. Before that, it
// fails points at random if it is told to.
type outlet struct {
	left   atomic.Int64
	faults bool
	mu     sync.Mutex // guards r
	r      *rand.Rand
}

func (o *outlet) at(point string) error {
	if strings.HasPrefix(point, "mkdir") {
		return nil // 257 of no interest
	}
	if o.left.Add(-1) < 0 {
		return errPower
	}
	if !o.faults {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.r.IntN(40) > 0 {
		return nil
	}
	switch point {
	case "write":
		return []error{syscall.ENOSPC, syscall.EIO, errShort}[o.r.IntN(3)]
	case "after commit": // the answer is lost; SQLite would be read-only from here on
		o.left.Store(0)
		return errPower
	}
	return syscall.EIO
}

// TestNothingAcknowledgedIsLostWithThePower runs random operations, cuts the
// power somewhere in them, again during recovery, and compares with the model.
func TestNothingAcknowledgedIsLostWithThePower(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("again with: go test -run %s ./backend/content -seed %d", t.Name(), seed)
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	for _, links := range []bool{true, false} {
		for _, faults := range []bool{false, true} {
			t.Run(fmt.Sprintf("links=%v,faults=%v", links, faults), func(t *testing.T) {
				powerStory(t, rand.New(rand.NewPCG(seed, 1)), rounds, links, faults)
			})
		}
	}
}

func powerStory(t *testing.T, r *rand.Rand, rounds int, links, faults bool) {
	db := openTestDB(t, ramDir(t))
	platter := newSim()
	platter.noLinks = !links
	models := []*model{newModel("a"), newModel("b"), newModel("c")}
	start := func(points int64, faults bool) (*Store, error) {
		o := &outlet{r: rand.New(rand.NewPCG(r.Uint64(), 1))}
		o.left.Store(points)
		s, err := Open(Config{DB: db, disk: probe{platter, o.at}, write: commits(db, o.at)})
		o.faults = faults // not while Open finds out about hard links
		return s, err
	}
	for round := range rounds {
		// Work until the power goes.
		s, err := start(int64(2+r.IntN(400)), faults)
		if err == nil {
			err = s.Recover(t.Context())
		}
		if err == nil {
			var wg sync.WaitGroup
			for _, m := range models {
				r := rand.New(rand.NewPCG(r.Uint64(), 1))
				wg.Go(func() {
					for range 60 {
						if err := m.act(t.Context(), s, r); err != nil {
							t.Errorf("round %d: %v", round, err)
						}
					}
				})
			}
			wg.Wait()
		}
		if r.IntN(4) > 0 { // else it was only a kill -9
			platter.losePower(r)
		}
		// Recover, mostly with another loss on the way.
		for r.IntN(3) > 0 {
			if s, err := start(int64(1+r.IntN(40)), false); err == nil {
				_ = s.Recover(t.Context()) // fails when the power goes
			}
			platter.losePower(r)
		}
		if s, err = start(1<<40, false); err != nil {
			t.Fatal(err)
		}
		if err := s.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := fsck(s); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, m := range models {
			if err := m.settleOn(s); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if t.Failed() {
			return
		}
	}
	for _, m := range models {
		if m.done < rounds {
			t.Errorf("only %d changes in %d rounds: the story tells nothing", m.done, rounds)
		}
	}
}
