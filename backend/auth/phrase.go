package auth

import (
	"context"
	"net/netip"
	"sync"

	"pc2/backend/store"
)

// phraseGate remembers that this process's claim code has shown the phrase.
type phraseGate struct {
	mu    sync.Mutex // held over the write, so that of two readers one is refused
	shown bool
}

// PhraseByClaim lets the recovery phrase be read once with the claim code,
// before there is an owner. A second reader gets ErrPhraseShown: the person at
// the page must learn that somebody was there before. nil means that the
// reading is written down and the phrase may be shown now.
func (d *Desk) PhraseByClaim(ctx context.Context, code string, ip netip.Addr, ua string) error {
	d.phrase.mu.Lock()
	defer d.phrase.mu.Unlock()
	if err := d.CheckClaim(code, ip); err != nil {
		return err
	}
	if d.phrase.shown {
		return ErrPhraseShown
	}
	err := d.shown(ctx, Record{IP: ip, UserAgent: ua, Detail: map[string]any{"by": "claim_code"}})
	d.phrase.shown = err == nil
	return err
}

// PhraseByOwner lets the owner read the recovery phrase, any time, with a fresh
// signature for PurposePhrase.
func (d *Desk) PhraseByOwner(ctx context.Context, p Principal, message, signature string, ip netip.Addr, ua string) error {
	if p.Role != Owner {
		return errOwnerOnly
	}
	if err := d.StepUp(ctx, p, PurposePhrase, message, signature); err != nil {
		return err
	}
	return d.shown(ctx, Record{Wallet: &p.User.Wallet, IP: ip, UserAgent: ua, Detail: map[string]any{"by": "signature"}})
}

func (d *Desk) shown(ctx context.Context, r Record) error {
	r.Action, r.At = PhraseShown, d.now()
	return d.db.Write(ctx, func(tx *store.Tx) error { return Audit(tx, r) })
}
