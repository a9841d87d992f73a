package gateway

import (
	"context"
	"sync"
	"time"

	"pc2/backend/names"
)

const (
	recordAge  = time.Second // how long another super node's change to a shared registry may go unseen
	maxRecords = 4096
)

// records remembers for a moment who has a name: a page is many requests. What
// this gateway registers itself is forgotten at once.
type records struct {
	registry *names.Registry
	now      func() time.Time

	mu     sync.Mutex
	known  map[names.Name]known
	change uint64 // counts forget, so that a record read before it is not kept after it
}

type known struct {
	rec names.Record
	at  time.Time
}

func newRecords(r *names.Registry, now func() time.Time) *records {
	return &records{registry: r, now: now, known: map[names.Name]known{}}
}

// lookup is Registry.Lookup. Names that nobody has are asked for each time: their
// number is the strangers' choice.
func (r *records) lookup(ctx context.Context, name names.Name) (names.Record, error) {
	now := r.now()
	r.mu.Lock()
	k, ok := r.known[name]
	change := r.change
	r.mu.Unlock()
	if ok && now.Sub(k.at) < recordAge {
		return k.rec, nil
	}
	rec, err := r.registry.Lookup(ctx, name)
	if err != nil {
		return rec, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.change == change {
		if len(r.known) >= maxRecords {
			clear(r.known)
		}
		r.known[name] = known{rec, now}
	}
	return rec, nil
}

func (r *records) forget(name names.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change++
	delete(r.known, name)
}
