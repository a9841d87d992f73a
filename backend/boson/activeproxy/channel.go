package activeproxy

import (
	"encoding/binary"
	"slices"
	"sync"

	"pc2/backend/boson"
)

// channel is the session context: what all connections of a session box with.
type channel struct {
	*boson.Context
	seen seen
}

// prefaceInfo names the key with which a relay proves to a device that a
// connection comes from its own gateway.
const prefaceInfo = "pc2 gateway preface"

func newChannel(own boson.BoxKey, theirs boson.BoxPublic) (*channel, error) {
	b, err := own.Box(theirs)
	if err != nil {
		return nil, wrong("session key: %v", err)
	}
	return &channel{Context: boson.NewContext(b)}, nil
}

// open appends what message holds to dst.
func (c *channel) open(dst, message []byte) ([]byte, error) {
	plain, err := c.Open(dst, message)
	if err != nil {
		return nil, wrong("%v", err)
	}
	if !c.seen.add(boson.Nonce(message)) {
		return nil, wrong("a packet came twice")
	}
	return plain, nil
}

// seen remembers nonces, so that no packet of a session can be played again,
// not on another connection of it either: Active Proxy itself only refuses the nonce that
// came just before, and who listens between relay and home could repeat a whole request.
//
// Both reference and our own sender count nonces up, over all connections. So what was seen
// are a few runs, with gaps only for what is still on its way or was lost with its
// connection. A sender with random nonces is not remembered, beyond the first.
type seen struct {
	mu      sync.Mutex
	started bool
	high    [16]byte // the upper part of the counted nonces
	runs    []run    // of the lower part: sorted, never touching
}

type run struct{ first, last uint64 }

// maxRuns bounds the memory; the oldest gaps close first.
const maxRuns = 1024

// add says whether nonce is new.
func (s *seen) add(nonce boson.Nonce) bool {
	low, high := binary.LittleEndian.Uint64(nonce[:]), [16]byte(nonce[8:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started, s.high = true, high
	}
	if high != s.high {
		return true
	}
	i := len(s.runs) // the first run above low
	for i > 0 && s.runs[i-1].first > low {
		i--
	}
	if i > 0 && low <= s.runs[i-1].last {
		return false
	}
	joinsBelow := i > 0 && s.runs[i-1].last+1 == low
	joinsAbove := i < len(s.runs) && s.runs[i].first-1 == low
	switch {
	case joinsBelow && joinsAbove:
		s.runs[i-1].last = s.runs[i].last
		s.runs = slices.Delete(s.runs, i, i+1)
	case joinsBelow:
		s.runs[i-1].last = low
	case joinsAbove:
		s.runs[i].first = low
	default:
		s.runs = slices.Insert(s.runs, i, run{low, low})
	}
	if len(s.runs) > maxRuns {
		s.runs[1].first = s.runs[0].first
		s.runs = slices.Delete(s.runs, 0, 1)
	}
	return true
}
