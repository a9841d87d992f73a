package auth

import (
	"crypto/subtle"
	"log/slog"
	"net/netip"
	"sync"
	"time"

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

const claimLength = 12

func newClaimCode() ClaimCode { return claimCode(randomCode(claimLength)) }

func claimCode(s string) ClaimCode { return ClaimCode{func() string { return s }} }

func parseClaimCode(s string) (ClaimCode, bool) {
	code, ok := readCode(s, claimLength)
	if !ok {
		return ClaimCode{}, false
	}
	return claimCode(code), true
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
	c.guesses = newGuesses(time.Minute, 5, 60, "Too many wrong claim codes. Wait a minute and try again.")
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
