package auth

import (
	"math"
	"net/netip"
	"time"

	"pc2/backend/fault"
)

// maxGuessers visitors are remembered.
const maxGuessers = 4096

// guesses counts wrong codes for each visitor. There is no lock for all:
// a stranger could hold it and keep the owner out for good. Instead, when many
// visitors guess, each has one wrong code a window; a million of them need
// some two million years for the 60 bits of a claim code, and somebody who comes
// for the first time with the right code always gets in.
type guesses struct {
	window time.Duration
	each   int    // wrong codes of one visitor in a window
	flood  int    // wrong codes of all, from where on a visitor has one
	msg    string // for people who have to wait

	byFrom map[netip.Prefix][]time.Time // wrong codes in the window, oldest first
	since  time.Time                    // start of the window that all counts
	all    int
}

func newGuesses(window time.Duration, each, flood int, msg string) guesses {
	return guesses{window: window, each: each, flood: flood, msg: msg, byFrom: map[netip.Prefix][]time.Time{}}
}

func (g *guesses) allowed(from netip.Prefix, now time.Time) error {
	limit := g.each
	if g.all >= g.flood && now.Sub(g.since) < g.window {
		limit = 1
	}
	recent := g.recent(from, now)
	if len(recent) < limit {
		return nil
	}
	wait := recent[len(recent)-limit].Add(g.window).Sub(now)
	return fault.New(fault.Limited, "too_many_requests", g.msg).
		With("retry_after", int(math.Ceil(wait.Seconds()))).With("limit", limit).With("window_ms", g.window.Milliseconds())
}

func (g *guesses) add(from netip.Prefix, now time.Time) {
	if now.Sub(g.since) >= g.window || now.Before(g.since) {
		g.since, g.all = now, 0
	}
	g.all++
	recent := append(g.recent(from, now), now)
	if len(g.byFrom) >= maxGuessers {
		g.sweep(now)
	}
	g.byFrom[from] = recent
}

// recent is what from guessed within the window before now. A clock that was
// set back forgets.
func (g *guesses) recent(from netip.Prefix, now time.Time) []time.Time {
	ts := g.byFrom[from]
	for len(ts) > 0 && (now.Sub(ts[0]) >= g.window || now.Before(ts[0])) {
		ts = ts[1:]
	}
	return ts
}

// sweep makes room: those whose window is over go, and, if that was not enough,
// any others down to three quarters, so that a flood does not pay for it each time.
func (g *guesses) sweep(now time.Time) {
	for from := range g.byFrom {
		if len(g.recent(from, now)) == 0 {
			delete(g.byFrom, from)
		}
	}
	for from := range g.byFrom {
		if len(g.byFrom) < maxGuessers*3/4 {
			return
		}
		delete(g.byFrom, from)
	}
}
