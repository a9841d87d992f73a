package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"pc2/backend/boson"
	"pc2/backend/event"
	"pc2/backend/store"
	"pc2/backend/wallet"
)

// Config of a Desk. DB, Node and AcceptHost are required.
type Config struct {
	DB       *store.DB
	Node     boson.ID
	NodeName string // in the text that people sign; default "PC2 Node"

	SessionDays  int           // a session ends after so many days without a request; default 7
	AbsoluteDays int           // and at the latest after so many; default 90
	ChallengeTTL time.Duration // default 5 minutes

	Owner    *wallet.Address  // pins the owner: there is no claim, and an owner in the database counts for nothing
	Tethered []wallet.Address // count as owner

	// AcceptHost says whether this node answers to host[:port], in lower case as
	// the browser sent it.
	AcceptHost func(host string) bool

	Bus *event.Bus       // gets SessionEnded; default: nobody listens
	Log *slog.Logger     // default: discard
	Now func() time.Time // default time.Now
}

// Desk decides who may come in. All methods may be called from any goroutine.
type Desk struct {
	db         *store.DB
	node       boson.ID
	name       string
	sliding    time.Duration
	absolute   time.Duration
	ttl        time.Duration
	pin        *wallet.Address
	tethered   []wallet.Address
	acceptHost func(string) bool
	bus        *event.Bus
	log        *slog.Logger
	now        func() time.Time // the wall clock in milliseconds, as stored

	challenges *challenges
	claim      claim
	cache      *cache
	phrase     phraseGate
	pairs      *pairs
}

// New reads whether there is an owner and, if there is none, makes the claim
// code of this process. It starts nothing.
func New(ctx context.Context, cfg Config) (*Desk, error) {
	if cfg.DB == nil || cfg.AcceptHost == nil {
		return nil, errors.New("auth: Config.DB and Config.AcceptHost are required")
	}
	day := 24 * time.Hour
	d := &Desk{
		db:         cfg.DB,
		node:       cfg.Node,
		name:       statementName(cfg.NodeName),
		sliding:    time.Duration(orDefault(cfg.SessionDays, 7)) * day,
		absolute:   time.Duration(orDefault(cfg.AbsoluteDays, 90)) * day,
		ttl:        orDefault(cfg.ChallengeTTL, 5*time.Minute),
		pin:        cfg.Owner,
		tethered:   slices.Clone(cfg.Tethered),
		acceptHost: cfg.AcceptHost,
		bus:        cfg.Bus,
		log:        cfg.Log,
		challenges: newChallenges(),
		cache:      newCache(),
		pairs:      newPairs(),
	}
	if d.bus == nil {
		d.bus = event.New()
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.log = d.log.With("part", "auth")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	// Truncate drops the monotonic reading too: that clock stands still while a
	// PC sleeps, and a session must not sleep with it.
	d.now = func() time.Time { return cfg.Now().Truncate(time.Millisecond) }
	owner, err := d.owner(d.db.Read(ctx))
	if err != nil {
		return nil, fmt.Errorf("read the owner: %w", err)
	}
	d.claim.init(owner)
	return d, nil
}

// Run tells of sessions that expire (within a minute, as SessionEnded) and
// removes what has had its time: challenges, dead sessions, old audit rows. It
// returns nil when ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	const hour = 60
	since := d.now()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for n := 0; ; n++ {
		if n%hour == 0 {
			if err := d.purge(ctx); err != nil && ctx.Err() == nil {
				d.log.Warn("old sessions and audit rows not removed", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := d.now()
		d.challenges.sweep(now.Add(-d.ttl))
		if err := d.announceExpired(ctx, since, now); err != nil {
			if ctx.Err() == nil {
				d.log.Warn("expired sessions not announced", "err", err)
			}
			continue // since stays: the next round tells of these too
		}
		since = now
	}
}

// orDefault is v, or def where v is not positive.
func orDefault[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// network is what counts as one visitor: an IPv4 address, or the /64 that one
// IPv6 customer has at least.
func network(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // the invalid address gives the zero prefix: one visitor
	return p
}

// label checks text that people give to something and that others read.
func label(key, s string, limit int) (string, error) {
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", invalid(key, "This name has characters that cannot be shown.")
	}
	if utf8.RuneCountInString(s) > limit {
		return "", invalid(key, fmt.Sprintf("This name is longer than %d characters.", limit))
	}
	return s, nil
}

// clip shortens what a client says about itself to n bytes of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
