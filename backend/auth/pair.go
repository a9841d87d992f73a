package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"math/big"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"

	"pc2/backend/event"
	"pc2/backend/fault"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

// Pairing lets a further browser in without a wallet of its own:
//
//	signed-in page            new browser
//	Offer → code, QR   ─────▶ typed or scanned
//	                          Redeem(code) → request, secret, two digits to show
//	PairRequested ◀───────────
//	"which number does it show?"
//	Allow(request, digits) ──▶ Await(request, secret) → a new session
//
// The code is 50 bits, works once and for five minutes; its hash is kept, in
// memory. Who merely guesses or overhears a code gets a question asked at the
// page that made it, and whoever sits there sees digits that are not theirs.
const (
	pairLength  = 10
	pairOpen    = 5 * time.Minute
	pairWaiting = 2 * time.Minute
	maxRequests = 1000 // undecided or undelivered, over all; each took a right code
)

var (
	ErrPairUnknown = fault.New(fault.Unauthenticated, "pair_unknown", "This code is wrong, was used already or is too old. Make a new one on the device that is signed in.")
	ErrPairDenied  = fault.New(fault.Denied, "pair_denied", "The other device said no.").With("error", "access_denied")
	ErrPairExpired = fault.New(fault.Gone, "pair_expired", "Nobody answered in time. Make a new code and try again.")
	ErrPairWaiting = fault.New(fault.Waiting, "request_timeout", "Nobody has answered yet.")
	errPairDecided = fault.New(fault.Conflict, "conflict", "This request was answered already.")
	errNoPair      = fault.New(fault.NotFound, "not_found", "There is no such request.")
)

// PairCode is what a further browser enters. It redacts itself.
type PairCode struct{ secret func() string }

// Reveal is the code itself.
func (c PairCode) Reveal() string               { return c.secret() }
func (c PairCode) String() string               { return "[redacted]" }
func (c PairCode) GoString() string             { return "[redacted]" }
func (c PairCode) LogValue() slog.Value         { return slog.StringValue("[redacted]") }
func (c PairCode) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// PairRequested is published when a code was redeemed, for the session that made
// the code and nobody else.
type PairRequested struct {
	SessionID  string
	RequestID  string
	DeviceName string
	IP         string
	UserAgent  string
	Choices    []string // the digits that the new browser shows, among two others
	ExpiresAt  time.Time
}

// Redeemed is what the new browser gets for a code.
type Redeemed struct {
	RequestID string
	Secret    Token // to ask for the answer with
	Confirm   string
	ExpiresAt time.Time
}

// offer is an open code.
type offer struct {
	hash    [32]byte
	session string
	wallet  wallet.Address
	expires time.Time
}

type verdict uint8

const (
	undecided verdict = iota
	allowed
	denied
	delivered
)

// request is a redeemed code.
type request struct {
	session string // that decides
	wallet  wallet.Address
	secret  [32]byte
	confirm string
	label   string
	ip      netip.Addr
	agent   string
	expires time.Time
	verdict verdict
	decided chan struct{} // closed when verdict leaves undecided
}

type pairs struct {
	mu       sync.Mutex // taken in After hooks, so never held over a write
	offers   map[[32]byte]*offer
	requests map[string]*request
	guesses  guesses
}

func newPairs() *pairs {
	return &pairs{
		offers: map[[32]byte]*offer{}, requests: map[string]*request{},
		// By visitor alone: with a bound on all, a stranger could keep the owner's new phone out.
		guesses: newGuesses(10*time.Minute, 5, 1<<30, "Too many wrong codes. Wait ten minutes and try again."),
	}
}

func (p *pairs) sweep(now time.Time) {
	for h, o := range p.offers {
		if !now.Before(o.expires) {
			delete(p.offers, h)
		}
	}
	for id, r := range p.requests {
		if !now.Before(r.expires) {
			p.drop(id, r)
		}
	}
}

func (p *pairs) drop(id string, r *request) {
	delete(p.requests, id)
	if r.verdict == undecided {
		r.verdict = delivered // nobody can answer it any more
		close(r.decided)
	}
}

// forget drops what a session offered and was asked.
func (p *pairs) forget(session string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for h, o := range p.offers {
		if o.session == session {
			delete(p.offers, h)
		}
	}
	for id, r := range p.requests {
		if r.session == session {
			p.drop(id, r)
		}
	}
}

// Offer makes a code for p's session; one that it had before is void.
func (d *Desk) Offer(p Principal) (PairCode, time.Time) {
	code, now := randomCode(pairLength), d.now()
	o := &offer{hash: sha256.Sum256([]byte(code)), session: p.Session.ID, wallet: p.User.Wallet, expires: now.Add(pairOpen)}
	d.pairs.mu.Lock()
	defer d.pairs.mu.Unlock()
	d.pairs.sweep(now)
	for h, old := range d.pairs.offers {
		if old.session == o.session {
			delete(d.pairs.offers, h)
		}
	}
	d.pairs.offers[o.hash] = o
	return PairCode{func() string { return code }}, o.expires
}

// Redeem uses a code up and asks the session that made it.
func (d *Desk) Redeem(code, deviceName string, ip netip.Addr, ua string) (Redeemed, error) {
	name, err := label("device_name", deviceName, 64)
	if err != nil {
		return Redeemed{}, err
	}
	now := d.now()
	o, err := d.pairs.take(code, network(ip), now)
	if err != nil {
		return Redeemed{}, err
	}
	digits := threeNumbers()
	secret := newToken()
	r := &request{
		session: o.session, wallet: o.wallet, secret: secret.hash(), confirm: digits[0], label: name, ip: ip, agent: clip(ua, 256),
		expires: now.Add(pairWaiting), decided: make(chan struct{}),
	}
	id := uuid.NewString()
	d.pairs.mu.Lock()
	full := len(d.pairs.requests) >= maxRequests
	if !full {
		d.pairs.requests[id] = r
	}
	d.pairs.mu.Unlock()
	if full {
		return Redeemed{}, fault.New(fault.Limited, "too_many_requests", "Too many devices are being paired. Try again in a few minutes.").With("retry_after", 120)
	}
	event.Publish(d.bus, PairRequested{SessionID: r.session, RequestID: id, DeviceName: name, IP: ipString(ip), UserAgent: r.agent, Choices: shuffled(digits), ExpiresAt: r.expires})
	return Redeemed{RequestID: id, Secret: secret, Confirm: r.confirm, ExpiresAt: r.expires}, nil
}

// take uses up the offer of a code, or counts a wrong one.
func (p *pairs) take(code string, from netip.Prefix, now time.Time) (*offer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	if err := p.guesses.allowed(from, now); err != nil {
		return nil, err
	}
	if given, ok := readCode(code, pairLength); ok {
		h := sha256.Sum256([]byte(given)) // a map of hashes: its timing tells nothing of a code
		if o := p.offers[h]; o != nil {
			delete(p.offers, h)
			return o, nil
		}
	}
	p.guesses.add(from, now)
	return nil, ErrPairUnknown
}

// threeNumbers are different ones of two digits, the first of them the right one.
func threeNumbers() []string {
	out := make([]string, 0, 3)
	for len(out) < 3 {
		n := fmt.Sprintf("%02d", random(100))
		if len(out) == 0 || n != out[0] && n != out[len(out)-1] {
			out = append(out, n)
		}
	}
	return out
}

func shuffled(s []string) []string {
	out := append([]string(nil), s...)
	for i := len(out) - 1; i > 0; i-- {
		j := random(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func random(n int) int {
	v, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand's reader never fails
	}
	return int(v.Int64())
}

// Answer is p's answer to a request. confirm must be the digits that the new
// browser shows; others deny it. Deny with allow false.
func (d *Desk) Answer(p Principal, id, confirm string, allow bool) error {
	d.pairs.mu.Lock()
	defer d.pairs.mu.Unlock()
	d.pairs.sweep(d.now())
	r := d.pairs.requests[id]
	if r == nil || r.session != p.Session.ID {
		return errNoPair
	}
	if r.verdict != undecided {
		return errPairDecided
	}
	r.verdict = denied
	if allow && subtle.ConstantTimeCompare([]byte(confirm), []byte(r.confirm)) == 1 {
		r.verdict = allowed
	}
	close(r.decided)
	if allow && r.verdict == denied {
		return ErrPairDenied
	}
	return nil
}

// Await waits for the answer to a request, as long as ctx lasts. An allowed one
// becomes a new session, once.
func (d *Desk) Await(ctx context.Context, id, secret string) (Login, error) {
	r, err := d.pairs.find(id, secret, d.now())
	if err != nil {
		return Login{}, err
	}
	late := time.NewTimer(r.expires.Sub(d.now()))
	defer late.Stop()
	select {
	case <-r.decided:
	case <-late.C:
		return Login{}, ErrPairExpired
	case <-ctx.Done():
		return Login{}, ErrPairWaiting
	}
	d.pairs.mu.Lock()
	v := r.verdict
	if v == allowed {
		r.verdict = delivered // before the session is made: of two who ask, one gets it
	}
	d.pairs.mu.Unlock()
	switch v {
	case allowed:
	case denied:
		return Login{}, ErrPairDenied
	default:
		return Login{}, ErrPairExpired
	}
	return d.paired(ctx, r)
}

func (p *pairs) find(id, secret string, now time.Time) (*request, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	r := p.requests[id]
	if r == nil {
		return nil, ErrPairExpired
	}
	if h := sha256.Sum256([]byte(secret)); subtle.ConstantTimeCompare(h[:], r.secret[:]) != 1 {
		return nil, ErrPairUnknown
	}
	return r, nil
}

// paired opens the new browser's session.
func (d *Desk) paired(ctx context.Context, r *request) (l Login, err error) {
	err = d.db.Write(ctx, func(tx *store.Tx) error {
		l, err = d.letIn(tx, r.wallet, letIn{via: "pair", by: r.session, label: r.label, ip: r.ip, agent: r.agent})
		return err
	})
	return l, err
}

// letIn says how somebody comes in who signed nothing: at another session's word.
type letIn struct {
	via, by, label string // by: that session; "" for a consent given before
	ip             netip.Addr
	agent          string
}

// letIn opens a session for w in tx, if w may still come in.
func (d *Desk) letIn(tx *store.Tx, w wallet.Address, in letIn) (l Login, err error) {
	now := d.now()
	if l.Role, err = d.readRole(tx, w); err != nil {
		return l, err
	}
	if l.Role == "" {
		return l, ErrSuspended
	}
	var disabled bool
	err = tx.QueryRow(`SELECT u.disabled, `+userColumns+` FROM users u WHERE u.wallet_address = ?`, w).Scan(append([]any{&disabled}, l.User.columns()...)...)
	if err != nil {
		return l, fmt.Errorf("read the user: %w", err)
	}
	if disabled {
		return l, ErrSuspended
	}
	if l.Token, l.Session, err = d.issue(tx, l.User, in.via, in.label, in.ip, in.agent, now); err != nil {
		return l, err
	}
	detail := map[string]any{"method": in.via}
	if in.by != "" {
		detail["by"] = in.by
	}
	return l, Audit(tx, Record{Wallet: &w, Action: AuthLogin, Resource: l.Session.ID, Detail: detail, IP: in.ip, UserAgent: in.agent, At: now})
}
