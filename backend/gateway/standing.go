package gateway

import (
	"container/list"
	"sync"
	"time"
)

const (
	// freely is how many visitors may be written to at once and take their time. Of each that
	// takes nothing the node has sent as much as a window holds, 512 KiB, and one piece is
	// on its way: 36 MiB in all.
	freely = 64
	// standTime is how long one write may last where there is one visitor more than
	// that: a piece has 64 KiB at most.
	standTime = 10 * time.Second
	// leastTime is what each has however many there are: a gateway that is busy is no
	// fault of theirs. What is held beyond freely is then what nodes send in this time.
	leastTime = time.Second
)

// standing is the writes to visitors that are on their way, the longest first.
//
// Who takes nothing costs memory, so the more do, the less time each of them
// has: with n at once, standTime·(freely/n)², which is 2.5 s for 128 and leastTime from
// 200 on. Who is ended can go on with a range. Up to freely nobody is ended here, but
// by the gateway's patience.
type standing struct {
	time time.Duration // standTime

	mu    sync.Mutex
	all   list.List // of *write
	timer *time.Timer
}

// write is one that is on its way. end makes it fail, and must not wait.
type write struct {
	since time.Time
	end   func()
	at    *list.Element // nil: not in the list, or taken out to be ended
}

func newStanding(d time.Duration) *standing {
	s := &standing{time: d}
	s.timer = time.AfterFunc(time.Hour, s.look)
	s.timer.Stop()
	return s
}

// begin counts w in.
func (s *standing) begin(w *write, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.since = now
	w.at = s.all.PushBack(w)
	if s.all.Len() > freely {
		s.tend(now)
	}
}

// done counts w out. After it end is not called any more.
func (s *standing) done(w *write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.at != nil {
		s.all.Remove(w.at)
		w.at = nil
	}
}

func (s *standing) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tend(time.Now())
}

// tend ends the writes that have lasted too long, and looks again when the next
// one will have. The caller has mu.
func (s *standing) tend(now time.Time) {
	for {
		n := s.all.Len()
		if n <= freely {
			s.timer.Stop()
			return
		}
		first := s.all.Front().Value.(*write)
		if left := s.may(n) - now.Sub(first.since); left > 0 {
			s.timer.Reset(left)
			return
		}
		s.all.Remove(first.at)
		first.at = nil
		first.end()
	}
}

// may is how long a write may last where there are n > freely.
func (s *standing) may(n int) time.Duration {
	share := float64(freely) / float64(n)
	return max(min(s.time, leastTime), time.Duration(float64(s.time)*share*share))
}
