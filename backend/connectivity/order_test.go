package connectivity

import (
	"strconv"
	"sync"
	"testing"

	"pc2/backend/event"
)

// Whatever goroutines change the state, what is told last is what holds.
func TestNewestStateIsToldLast(t *testing.T) {
	const rounds, writers, each = 100, 4, 20
	bus := event.New()
	l := New(Config{Bus: bus})
	told := event.Subscribe[Changed](bus, writers*each)
	defer told.Close()
	for round := range rounds {
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					l.set(func(s *State) { s.Name = strconv.Itoa(round) + "-" + strconv.Itoa(w) + "-" + strconv.Itoa(i) })
				}
			})
		}
		all.Wait()
		var last State
		for range writers * each {
			last = (<-told.C()).State
		}
		if last != l.State() {
			t.Fatalf("round %d: told last of %q, and it is %q", round, last.Name, l.State().Name)
		}
	}
}
