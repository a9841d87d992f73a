package connectivity

import "time"

// Hurry makes a ladder look at its rungs often, and takes loopback for a network
// with a router.
func Hurry(l *Ladder) {
	l.pace = pace{proved: time.Hour, stale: time.Hour, first: 50 * time.Millisecond, most: 200 * time.Millisecond, gap: time.Millisecond, ask: usual.ask, quiet: usual.quiet, home: 100 * time.Millisecond}
	l.inside = true
}

// Moved is what Config.Watch calls.
func (l *Ladder) Moved() { l.moved() }

// Quiet is how long a session may be silent before a move ends it.
func Quiet(l *Ladder, d time.Duration) { l.pace.quiet = d }

var ReadReached = readReached
