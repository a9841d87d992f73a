package auth_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/event"
	"pc2/backend/fault"
)

// asked redeems a code and returns what both sides see.
func (n *node) asked(code string) (auth.Redeemed, auth.PairRequested) {
	n.t.Helper()
	sub := event.Subscribe[auth.PairRequested](n.bus, 1)
	defer sub.Close()
	r, err := n.Redeem(code, "Phone", there, agent)
	if err != nil {
		n.t.Fatalf("redeem: %v", err)
	}
	return r, <-sub.C()
}

func TestPairing(t *testing.T) {
	n := newNode(t)
	owner := n.owned(newSigner(t, "owner"))
	code, until := n.Offer(owner.Principal)
	if len(code.Reveal()) != 10 || until.Sub(n.time).Round(time.Second) != 5*time.Minute || strings.Contains(fmt.Sprintf("%v %+v %#v %s", code, code, code, code), code.Reveal()) {
		t.Fatal("code", code, until)
	}
	typed := strings.ToLower(code.Reveal()[:5]) + "-" + code.Reveal()[5:]
	r, seen := n.asked(typed)
	if seen.SessionID != owner.Session.ID || seen.RequestID != r.RequestID || seen.DeviceName != "Phone" || seen.IP != there.String() {
		t.Fatalf("%+v", seen)
	}
	if len(seen.Choices) != 3 || !slices.Contains(seen.Choices, r.Confirm) || seen.Choices[0] == seen.Choices[1] || seen.Choices[1] == seen.Choices[2] || seen.Choices[0] == seen.Choices[2] {
		t.Fatal("choices", seen.Choices, r.Confirm)
	}
	_, err := n.Redeem(code.Reveal(), "", there, agent)
	refused(t, err, "pair_unknown") // single use

	soon, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.Await(soon, r.RequestID, r.Secret.Reveal())
	refused(t, err, "request_timeout")
	_, err = n.Await(t.Context(), r.RequestID, strings.Repeat("0", 64))
	refused(t, err, "pair_unknown")

	if err := n.Answer(owner.Principal, r.RequestID, r.Confirm, true); err != nil {
		t.Fatal(err)
	}
	refused(t, n.Answer(owner.Principal, r.RequestID, r.Confirm, true), "conflict")
	l, err := n.Await(t.Context(), r.RequestID, r.Secret.Reveal())
	if err != nil || l.User.Wallet != owner.User.Wallet || l.Role != auth.Owner || l.Session.CreatedVia != "pair" || l.Session.Label != "Phone" || l.Session.ID == owner.Session.ID {
		t.Fatalf("%+v %v", l, err)
	}
	if p, err := n.Authenticate(t.Context(), l.Token.Reveal(), there, agent); err != nil || p.Session.ID != l.Session.ID {
		t.Fatal(err)
	}
	_, err = n.Await(t.Context(), r.RequestID, r.Secret.Reveal())
	refused(t, err, "pair_expired") // once
	h, err := n.LoginHistory(t.Context(), owner.User.Wallet, 10)
	if err != nil || h[0].Method != "pair" {
		t.Fatal(h, err)
	}
}

func TestPairingIsRefused(t *testing.T) {
	n := newNode(t)
	owner := n.owned(newSigner(t, "owner"))
	other := n.login(newSigner(t, "owner"))
	await := func(r auth.Redeemed) error {
		_, err := n.Await(t.Context(), r.RequestID, r.Secret.Reveal())
		return err
	}
	offer := func() string { c, _ := n.Offer(owner.Principal); return c.Reveal() }

	r, seen := n.asked(offer()) // the wrong digits: the one at the page sees another device
	wrong := seen.Choices[0]
	if wrong == r.Confirm {
		wrong = seen.Choices[1]
	}
	refused(t, n.Answer(owner.Principal, r.RequestID, wrong, true), "pair_denied")
	refused(t, n.Answer(owner.Principal, r.RequestID, r.Confirm, true), "conflict")
	refused(t, await(r), "pair_denied")

	r, _ = n.asked(offer())
	if err := n.Answer(owner.Principal, r.RequestID, "", false); err != nil {
		t.Fatal(err)
	}
	refused(t, await(r), "pair_denied")

	r, _ = n.asked(offer()) // another session of the same person does not decide
	refused(t, n.Answer(other.Principal, r.RequestID, r.Confirm, true), "not_found")
	refused(t, n.Answer(owner.Principal, "nonsense", r.Confirm, true), "not_found")

	first := offer() // a newer code makes the older one void
	second := offer()
	_, err := n.Redeem(first, "", there, agent)
	refused(t, err, "pair_unknown")
	n.time = n.time.Add(5 * time.Minute)
	_, err = n.Redeem(second, "", there, agent)
	refused(t, err, "pair_unknown")

	r, _ = n.asked(offer())
	n.time = n.time.Add(2 * time.Minute)
	refused(t, n.Answer(owner.Principal, r.RequestID, r.Confirm, true), "not_found")
	refused(t, await(r), "pair_expired")

	code := offer() // the session that made it is gone, and its codes and questions with it
	r, _ = n.asked(offer())
	if err := n.Logout(t.Context(), owner.Principal); err != nil {
		t.Fatal(err)
	}
	_, err = n.Redeem(code, "", there, agent)
	refused(t, err, "pair_unknown")
	refused(t, await(r), "pair_expired")
	_, err = n.Redeem(strings.Repeat("x", 100), strings.Repeat("y", 65), there, agent)
	refused(t, err, "field_invalid")
}

// Five wrong codes from one place in ten minutes, and nobody else is kept out.
func TestPairingSurvivesGuessing(t *testing.T) {
	n := newNode(t)
	owner := n.owned(newSigner(t, "owner"))
	for i := range 50 {
		from := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		for range 5 {
			_, err := n.Redeem("0000000000", "", from, agent)
			refused(t, err, "pair_unknown")
		}
		code, _ := n.Offer(owner.Principal)
		_, err := n.Redeem(code.Reveal(), "", from, agent) // even the right one
		refused(t, err, "too_many_requests")
	}
	code, _ := n.Offer(owner.Principal)
	n.asked(code.Reveal())
	n.time = n.time.Add(10 * time.Minute)
	code, _ = n.Offer(owner.Principal)
	if _, err := n.Redeem(code.Reveal(), "", netip.AddrFrom4([4]byte{198, 51, 100, 1}), agent); err != nil {
		t.Fatal(err)
	}
}

// Of many that ask with the right secret, one gets the session.
func TestPairingAnswersOnce(t *testing.T) {
	n := newNode(t)
	owner := n.owned(newSigner(t, "owner"))
	code, _ := n.Offer(owner.Principal)
	r, _ := n.asked(code.Reveal())
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range 8 {
		wg.Go(func() {
			_, err := n.Await(context.Background(), r.RequestID, r.Secret.Reveal())
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got++
			} else if fault.CodeOf(err) != "pair_expired" {
				t.Error(err)
			}
		})
	}
	if err := n.Answer(owner.Principal, r.RequestID, r.Confirm, true); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if got != 1 {
		t.Fatalf("%d sessions", got)
	}
}

func refused(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}
