package names

import (
	"context"
	"net/netip"
	"time"

	"pc2/backend/boson"
	"pc2/backend/fault"
)

const (
	maxSkew   = 5 * time.Minute
	freeAfter = 180 * 24 * time.Hour // without a sign of its node
	perKey    = 3
	perPrefix = 20
)

// ErrNotFound: nobody has the name.
var ErrNotFound = fault.New(fault.NotFound, "not_found", "Nobody has this name.")

var (
	errTaken  = fault.New(fault.Conflict, "name_taken", "Another PC2 has this name.")
	errStale  = fault.New(fault.Conflict, "seq_stale", "A newer claim on this name is known already.")
	errClock  = fault.New(fault.Unauthenticated, "clock_skew", "The clock of this PC is wrong by more than five minutes. Set it and try again.")
	errOther  = fault.New(fault.Unauthenticated, "signature_invalid", "The claim is for another super node.")
	errMany   = fault.New(fault.Denied, "name_limit", "A PC2 has at most three names here.")
	errCrowd  = fault.New(fault.Denied, "name_limit", "Too many names were registered from this network.")
	errNoName = fault.New(fault.NotFound, "not_found", "This PC2 does not have that name.")
)

// Record is a name and who has it.
type Record struct {
	Name       Name
	Node       boson.ID
	Device     boson.ID
	Seq        int64
	Claim      []byte // canonical JSON, for anybody to verify
	From       string // network that it was registered from
	Registered time.Time
	Seen       time.Time // when its node was there last
	Released   bool      // free, but for older claims of the same key
}

// free says whether somebody else may take the name.
func (r *Record) free(now time.Time) bool {
	return r == nil || r.Released || now.Sub(r.Seen) > freeAfter
}

// Known is what a decision about a name needs, read and decided in one
// transaction: of two claims on one name exactly one wins.
type Known struct {
	Current *Record // nil: never registered
	OfNode  int     // names that the node holds
	OfFrom  int     // names that were registered from the network
}

// Store keeps records. SQLite is the one of this package; a fleet of super nodes
// shares another.
type Store interface {
	// Change reads what is known of name, for node and network, lets decide make the
	// new record and keeps it, all in one transaction. decide's error is Change's.
	Change(ctx context.Context, name Name, node boson.ID, from string, decide func(Known) (Record, error)) error
	// Lookup returns the record of a name, ErrNotFound if there is none.
	Lookup(ctx context.Context, name Name) (Record, error)
	// ByDevice lists the records that name a relay device.
	ByDevice(ctx context.Context, device boson.ID) ([]Record, error)
	// ByNode lists the records that a node holds.
	ByNode(ctx context.Context, node boson.ID) ([]Record, error)
	// Seen notes that the names' node is there.
	Seen(ctx context.Context, device boson.ID, at time.Time) error
	// Count is how many names are held.
	Count(ctx context.Context) (int, error)
}

// Config of a Registry. Store and Self are required.
type Config struct {
	Store Store
	Self  boson.ID         // the super node that claims must address
	Now   func() time.Time // default: time.Now
}

// Registry decides who has which name at one super node.
type Registry struct {
	store Store
	self  boson.ID
	now   func() time.Time
}

// NewRegistry returns a registry; it starts nothing.
func NewRegistry(cfg Config) *Registry {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Registry{store: cfg.Store, self: cfg.Self, now: cfg.Now}
}

// Apply verifies a claim that came from addr and does what it says.
func (r *Registry) Apply(ctx context.Context, claim []byte, addr netip.Addr) (rec Record, err error) {
	c, err := ParseClaim(claim)
	if err != nil {
		return Record{}, err
	}
	now := r.now()
	if c.SuperNode != r.self {
		return Record{}, errOther
	}
	if d := now.Sub(c.Time); d > maxSkew || d < -maxSkew {
		return Record{}, errClock.With("server_time", now.UnixMilli())
	}
	if c.Seq > now.Add(maxSkew).UnixMilli() {
		// A seq from the future would lock its own key out until then.
		return Record{}, errClock.With("server_time", now.UnixMilli())
	}
	from := network(addr)
	err = r.store.Change(ctx, c.Name, c.Node, from, func(k Known) (Record, error) {
		rec, err = decide(c, k, from, now)
		return rec, err
	})
	return rec, err
}

// decide is the whole rule of who gets a name.
func decide(c Claim, k Known, from string, now time.Time) (Record, error) {
	cur := k.Current
	own := cur != nil && cur.Node == c.Node
	switch {
	case !own && !cur.free(now):
		return Record{}, errTaken
	case own && c.Seq <= cur.Seq:
		return Record{}, errStale.With("seq", cur.Seq)
	case c.Op == Release && (!own || cur.Released):
		return Record{}, errNoName
	}
	rec := Record{Name: c.Name, Node: c.Node, Device: c.Device, Seq: c.Seq, Claim: c.raw, From: from, Registered: now, Seen: now, Released: c.Op == Release}
	if own && !cur.Released {
		rec.Registered, rec.From = cur.Registered, cur.From
		return rec, nil
	}
	if c.Op == Register && k.OfNode >= perKey {
		return Record{}, errMany
	}
	if c.Op == Register && k.OfFrom >= perPrefix {
		return Record{}, errCrowd
	}
	return rec, nil
}

// Lookup is who has a name.
func (r *Registry) Lookup(ctx context.Context, name Name) (Record, error) {
	rec, err := r.store.Lookup(ctx, name)
	if err == nil && rec.free(r.now()) {
		err = ErrNotFound
	}
	return rec, err
}

// Available says whether anybody may take the name.
func (r *Registry) Available(ctx context.Context, name Name) (bool, error) {
	_, err := r.Lookup(ctx, name)
	if fault.KindOf(err) == fault.NotFound {
		return true, nil
	}
	return false, err
}

// Admits says whether some name's node speaks through the relay device, which is
// what lets a device use the relay.
func (r *Registry) Admits(ctx context.Context, device boson.ID) (bool, error) {
	recs, err := r.store.ByDevice(ctx, device)
	now := r.now()
	for i := range recs {
		if !recs[i].free(now) {
			return true, nil
		}
	}
	return false, err
}

// Seen notes that the device is there, so that its names stay its node's.
func (r *Registry) Seen(ctx context.Context, device boson.ID) error {
	return r.store.Seen(ctx, device, r.now())
}

// Count is how many names are held.
func (r *Registry) Count(ctx context.Context) (int, error) { return r.store.Count(ctx) }

// network is what the limit counts: a /24, or the /56 that a home gets.
func network(a netip.Addr) string {
	bits := 24
	if a = a.Unmap().WithZone(""); a.Is6() {
		bits = 56
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
