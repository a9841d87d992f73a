package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"

	"pc2/backend/fault"
	"pc2/backend/wallet"
)

// ClaimCode is what makes a verified wallet the first owner: 12 characters of
// Crockford base32, 60 bits. It prints as "[redacted]"; Reveal is for the
// console, the tray and the ready file.
type ClaimCode struct {
	// A closure, because fmt prints unexported fields of other structs without
	// asking their methods; of a function it prints the address.
	secret func() string
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

func newClaimCode() ClaimCode {
	var raw [12]byte
	rand.Read(raw[:])
	for i, b := range raw {
		raw[i] = crockford[b%32]
	}
	return claimCode(string(raw[:]))
}

func claimCode(s string) ClaimCode { return ClaimCode{func() string { return s }} }

// parseClaimCode reads a code as people type it: any letter case, hyphens and
// spaces anywhere, O for 0, I and L for 1.
func parseClaimCode(s string) (ClaimCode, bool) {
	var out []byte
	for _, c := range []byte(strings.ToUpper(clip(s, 64))) {
		switch c {
		case '-', ' ':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if strings.IndexByte(crockford, c) < 0 || len(out) == 12 {
			return ClaimCode{}, false
		}
		out = append(out, c)
	}
	if len(out) != 12 {
		return ClaimCode{}, false
	}
	return claimCode(string(out)), true
}

// IsZero says that there is no code, because there is an owner.
func (c ClaimCode) IsZero() bool { return c.secret == nil }

// Reveal is the code itself, "" if there is none.
func (c ClaimCode) Reveal() string {
	if c.IsZero() {
		return ""
	}
	return c.secret()
}

func (c ClaimCode) String() string               { return "[redacted]" }
func (c ClaimCode) GoString() string             { return "[redacted]" }
func (c ClaimCode) LogValue() slog.Value         { return slog.StringValue("[redacted]") }
func (c ClaimCode) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

func (c ClaimCode) equal(o ClaimCode) bool {
	return !c.IsZero() && subtle.ConstantTimeCompare([]byte(c.Reveal()), []byte(o.Reveal())) == 1
}

// claim is the door to ownership: open with a code until there is an owner.
type claim struct {
	mu      sync.Mutex // guards what follows; taken in After hooks, so never held over a write
	owner   *wallet.Address
	code    ClaimCode // zero exactly when there is an owner
	guesses guesses
}

func (c *claim) init(owner *wallet.Address) {
	c.guesses.byFrom = map[netip.Prefix][]time.Time{}
	if owner != nil {
		c.close(*owner)
		return
	}
	c.code = newClaimCode()
}

// Claimed is published on the bus once the node has an owner, and its claim
// code is void.
type Claimed struct{ Owner wallet.Address }

// close is called once ownership is committed.
func (c *claim) close(owner wallet.Address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner, c.code = &owner, ClaimCode{}
}

// ClaimCode is the code of this process, zero once there is an owner.
func (d *Desk) ClaimCode() ClaimCode {
	d.claim.mu.Lock()
	defer d.claim.mu.Unlock()
	return d.claim.code
}

// Owner is the wallet that owns this node, if one does.
func (d *Desk) Owner() (wallet.Address, bool) {
	d.claim.mu.Lock()
	defer d.claim.mu.Unlock()
	if d.claim.owner == nil {
		return wallet.Address{}, false
	}
	return *d.claim.owner, true
}

// CheckClaim is nil for the right claim code, which stays good. Wrong ones are
// counted, those of Login too: see guesses.
func (d *Desk) CheckClaim(code string, ip netip.Addr) error {
	c := &d.claim
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owner != nil {
		return errOwned
	}
	if code == "" {
		return ErrClaimRequired
	}
	now := d.now()
	if err := c.guesses.allowed(network(ip), now); err != nil {
		return err
	}
	if given, ok := parseClaimCode(code); ok && c.code.equal(given) {
		return nil
	}
	c.guesses.add(network(ip), now)
	return errClaimWrong
}

// mayClaim is the refusal that CheckClaim would give without looking at a
// code: Login asks before it uses up a challenge.
func (d *Desk) mayClaim(ip netip.Addr) error {
	d.claim.mu.Lock()
	defer d.claim.mu.Unlock()
	if d.claim.owner != nil {
		return nil
	}
	return d.claim.guesses.allowed(network(ip), d.now())
}

const (
	guessWindow = time.Minute
	// maxGuesses wrong codes of one visitor in a window.
	maxGuesses = 5
	// maxGuessesAll is from where on a visitor has one wrong code a window instead of five.
	maxGuessesAll = 60
	// maxGuessers visitors are remembered.
	maxGuessers = 4096
)

// guesses counts wrong claim codes for each visitor. There is no lock for all:
// a stranger could hold it and keep the owner out for good. Instead, when many
// visitors guess, each has one wrong code a minute; a million of them need
// some two million years for 60 bits, and somebody who comes for the first time
// with the right code always gets in.
type guesses struct {
	byFrom map[netip.Prefix][]time.Time // wrong codes in the window, oldest first
	since  time.Time                    // start of the window that all counts
	all    int
}

func (g *guesses) allowed(from netip.Prefix, now time.Time) error {
	limit := maxGuesses
	if g.all >= maxGuessesAll && now.Sub(g.since) < guessWindow {
		limit = 1
	}
	recent := g.recent(from, now)
	if len(recent) < limit {
		return nil
	}
	wait := recent[len(recent)-limit].Add(guessWindow).Sub(now)
	return fault.New(fault.Limited, "too_many_requests", "Too many wrong claim codes. Wait a minute and try again.").
		With("retry_after", int(math.Ceil(wait.Seconds()))).With("limit", limit).With("window_ms", guessWindow.Milliseconds())
}

func (g *guesses) add(from netip.Prefix, now time.Time) {
	if now.Sub(g.since) >= guessWindow || now.Before(g.since) {
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
	for len(ts) > 0 && (now.Sub(ts[0]) >= guessWindow || now.Before(ts[0])) {
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
