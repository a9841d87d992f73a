package files

import (
	"time"

	"pc2/backend/wallet"
)

// Op is what has happened to an entry.
type Op string

// The operations. An overwritten target is Removed before what took its place is
// Moved or Added; folders made on the way are Added, the outermost first.
const (
	Added   Op = "added"   // the top entry only, when a whole folder was copied
	Updated Op = "updated" // content, metadata or times
	Removed Op = "removed" // with everything in it
	Moved   Op = "moved"
	Renamed Op = "renamed"
)

// Changed is published on the bus once a change is committed, in commit order.
type Changed struct {
	Owner           wallet.Address // whose tree it is
	Op              Op
	Entry           Entry  // as it is now; when Removed, as it was
	OldPath         Path   // of Moved and Renamed
	DescendantsOnly bool   // of Removed: the folder itself stays
	Origin          string // what the request gave as its own mark (original_client_socket_id)
	Time            time.Time
	LastChange      int64 // ms, as Tree.LastChange gives it since this change
}
