package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pc2/backend/auth"
	"pc2/backend/fault"
	"pc2/backend/wallet"
)

const wrong = "0000-0000-0000" // a code in form

func TestClaimCodeAsTyped(t *testing.T) {
	n := newNode(t)
	code := n.ClaimCode().Reveal()
	misread := strings.NewReplacer("0", "O", "1", "l").Replace(code)
	for i, c := range []struct {
		typed string
		right bool
	}{
		{code, true},
		{strings.ToLower(code), true},
		{code[:4] + "-" + code[4:8] + "-" + code[8:], true},
		{" " + code[:6] + " " + code[6:] + " ", true},
		{misread, true},
		{strings.ReplaceAll(misread, "l", "I"), true},
		{code[:11], false},
		{code + "0", false},
		{code[1:] + code[:1], false},
		{"u" + code[1:], false},
		{code[:11] + "é", false},
		{strings.Repeat("-", 1000) + code, false},
	} {
		// Each from a place of its own, so that no limit is met.
		err := n.CheckClaim(c.typed, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		if c.right && err != nil {
			t.Errorf("%q: %v", c.typed, err)
		}
		if !c.right {
			wantCode(t, err, fault.Denied, "claim_required")
		}
	}
	wantCode(t, n.CheckClaim("", here), fault.Denied, "claim_required")

	first := code
	n.restart()
	if n.ClaimCode().Reveal() == first {
		t.Fatal("the code of the last process is still good")
	}
}

func TestSecretsRedactThemselves(t *testing.T) {
	n := newNode(t)
	code := n.ClaimCode()
	l := n.owned(newSigner(t, "alice"))
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "code", code, "token", l.Token, "login", l)
	}
	hidden := struct {
		c auth.ClaimCode
		t auth.Token
	}{code, l.Token}
	for _, v := range []any{code, &code, l, &l, l.Token, hidden, &hidden, []any{code, l.Token}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
	}
	raw, err := json.Marshal([]any{code, l})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(raw)
	for _, secret := range []string{code.Reveal(), l.Token.Reveal()} {
		if strings.Contains(out.String(), secret) || strings.Contains(out.String(), fmt.Sprintf("%x", secret)) {
			t.Fatalf("%s in\n%s", secret, out.String())
		}
	}
}

func TestWrongClaimCodesAreLimited(t *testing.T) {
	n := newNode(t)
	alice := newSigner(t, "alice")
	right := n.ClaimCode().Reveal()
	for range 5 {
		wantCode(t, n.CheckClaim(wrong, there), fault.Denied, "claim_required")
		n.time = n.time.Add(time.Second)
	}
	// The sixth is refused unread, even if it is right.
	err := n.CheckClaim(right, there)
	wantCode(t, err, fault.Limited, "too_many_requests")
	wantField(t, err, "retry_after", 55)
	wantField(t, err, "limit", 5)

	// So is a login from there, which keeps its challenge.
	r := n.request(alice)
	r.ClaimCode, r.IP = right, there
	_, err = n.Login(t.Context(), r)
	wantCode(t, err, fault.Limited, "too_many_requests")

	// The owner at home does not notice.
	if err := n.CheckClaim(right, here); err != nil {
		t.Fatal(err)
	}
	// After a minute the visitor may try again: refused attempts prolong nothing.
	n.time = n.time.Add(55 * time.Second)
	wantCode(t, n.CheckClaim(wrong, there), fault.Denied, "claim_required")
	wantCode(t, n.CheckClaim(wrong, there), fault.Limited, "too_many_requests")
	n.time = n.time.Add(time.Second)
	l, err := n.Login(t.Context(), r)
	if err != nil || !l.Claimed {
		t.Fatalf("%+v, %v", l, err)
	}
}

// A login with a wrong code is a guess like any other.
func TestLoginCountsWrongCodes(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	for range 5 {
		r := n.request(alice)
		r.ClaimCode = wrong
		_, err := n.Login(t.Context(), r)
		wantCode(t, err, fault.Denied, "claim_required")
	}
	wantCode(t, n.CheckClaim(wrong, here), fault.Limited, "too_many_requests")
	if c := n.count("SELECT count(*) FROM users"); c != 0 {
		t.Fatalf("%d users", c)
	}
}

// Many visitors who guess share a budget, and nobody who comes fresh with the
// right code is kept out by them.
func TestGuessersCannotLockTheOwnerOut(t *testing.T) {
	n := newNode(t)
	right := n.ClaimCode().Reveal()
	for i := range 60 {
		wantCode(t, n.CheckClaim(wrong, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})), fault.Denied, "claim_required")
	}
	fresh := netip.MustParseAddr("10.1.0.1")
	wantCode(t, n.CheckClaim(wrong, fresh), fault.Denied, "claim_required")
	err := n.CheckClaim(right, fresh) // one guess a minute now
	wantCode(t, err, fault.Limited, "too_many_requests")
	wantField(t, err, "retry_after", 60)
	if err := n.CheckClaim(right, here); err != nil {
		t.Fatal(err)
	}
	// And none makes the node grow: more guessers than are remembered.
	for i := range 10_000 {
		n.CheckClaim(wrong, netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if err := n.CheckClaim(right, here); err != nil {
		t.Fatal(err)
	}
	n.time = n.time.Add(time.Minute)
	if err := n.CheckClaim(right, fresh); err != nil {
		t.Fatal(err)
	}
}

func TestSimultaneousGuessesAreCounted(t *testing.T) {
	n := newNode(t)
	var mu sync.Mutex
	var wg sync.WaitGroup
	codes := map[string]int{}
	for range 50 {
		wg.Go(func() {
			err := n.CheckClaim(wrong, there)
			mu.Lock()
			defer mu.Unlock()
			codes[fault.CodeOf(err)]++
		})
	}
	wg.Wait()
	if codes["claim_required"] != 5 || codes["too_many_requests"] != 45 {
		t.Fatal(codes)
	}
}

func TestSimultaneousClaims(t *testing.T) {
	n := newNode(t)
	code := n.ClaimCode().Reveal()
	const many = 16
	var reqs []auth.LoginRequest
	for i := range many {
		r := n.request(newSigner(t, fmt.Sprint("claimant ", i)))
		r.ClaimCode = code
		reqs = append(reqs, r)
	}
	var wg sync.WaitGroup
	results := make([]error, many)
	logins := make([]auth.Login, many)
	for i := range many {
		wg.Go(func() { logins[i], results[i] = n.Login(context.Background(), reqs[i]) })
	}
	wg.Wait()
	var won []wallet.Address
	for i, err := range results {
		if err == nil {
			won = append(won, logins[i].User.Wallet)
			continue
		}
		wantCode(t, err, fault.Denied, "access_denied")
	}
	owner, _ := n.Owner()
	if len(won) != 1 || won[0] != owner {
		t.Fatalf("won: %v, owner: %v", won, owner)
	}
	if c := n.count("SELECT count(*) FROM members"); c != 1 {
		t.Fatalf("%d members", c)
	}
	if c := n.count("SELECT count(*) FROM audit_logs WHERE action = 'owner_claimed'"); c != 1 {
		t.Fatalf("claimed %d times", c)
	}
}

func TestPinnedOwner(t *testing.T) {
	alice, bob, carol := newSigner(t, "alice"), newSigner(t, "bob"), newSigner(t, "carol")
	n := newNode(t)
	old := n.owned(alice)

	// The configuration names bob now: alice's claim counts for nothing.
	n.restart(func(c *auth.Config) { c.Owner, c.Tethered = &bob.addr, []wallet.Address{carol.addr} })
	if !n.ClaimCode().IsZero() {
		t.Fatal("a claim code beside a pinned owner")
	}
	if w, ok := n.Owner(); !ok || w != bob.addr {
		t.Fatalf("owner %v %v", w, ok)
	}
	for _, s := range []*signer{bob, carol} {
		if l := n.login(s); l.Role != auth.Owner || l.Claimed {
			t.Fatalf("%+v", l)
		}
	}
	_, err := n.auth(old)
	wantCode(t, err, fault.Denied, "account_suspended")
	r := n.request(alice)
	r.ClaimCode = wrong
	_, err = n.Login(t.Context(), r)
	wantCode(t, err, fault.Denied, "access_denied")
	wantCode(t, n.CheckClaim(wrong, here), fault.Denied, "forbidden")
}

// The operator named the tethered wallet: it needs no code, and takes none away.
func TestTetheredBeforeTheClaim(t *testing.T) {
	alice, carol := newSigner(t, "alice"), newSigner(t, "carol")
	n := newNode(t, func(c *auth.Config) { c.Tethered = []wallet.Address{carol.addr} })
	if l := n.login(carol); l.Role != auth.Owner || l.Claimed {
		t.Fatalf("%+v", l)
	}
	if l := n.owned(alice); !l.Claimed || l.Role != auth.Owner {
		t.Fatalf("%+v", l)
	}
}

// Claiming and the rest of the login are one transaction.
func TestDisabledWalletClaimsNothing(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	n.exec("INSERT INTO users (wallet_address, uuid, created_at, disabled) VALUES (?, 'u', 0, 1)", alice.addr)
	r := n.request(alice)
	r.ClaimCode = n.ClaimCode().Reveal()
	_, err := n.Login(t.Context(), r)
	wantCode(t, err, fault.Denied, "account_suspended")
	if _, ok := n.Owner(); ok || n.ClaimCode().IsZero() || n.count("SELECT count(*) FROM members") != 0 {
		t.Fatal("half a claim")
	}
}

func TestPhraseIsShownOnceWithTheClaimCode(t *testing.T) {
	n, alice, bob := newNode(t), newSigner(t, "alice"), newSigner(t, "bob")
	ctx, code := t.Context(), n.ClaimCode().Reveal()
	wantCode(t, n.PhraseByClaim(ctx, "", here, agent), fault.Denied, "claim_required")
	wantCode(t, n.PhraseByClaim(ctx, wrong, here, agent), fault.Denied, "claim_required")
	if err := n.PhraseByClaim(ctx, code, here, agent); err != nil {
		t.Fatal(err)
	}
	wantCode(t, n.PhraseByClaim(ctx, code, here, agent), fault.Gone, "phrase_already_shown")
	wantCode(t, n.PhraseByClaim(ctx, wrong, here, agent), fault.Denied, "claim_required") // who has no code learns nothing
	if c := n.count("SELECT count(*) FROM audit_logs WHERE action = 'phrase_shown'"); c != 1 {
		t.Fatalf("written down %d times", c)
	}

	l := n.owned(alice)
	wantCode(t, n.PhraseByClaim(ctx, code, here, agent), fault.Denied, "forbidden")

	// From now on: the owner, with a fresh signature for this very purpose.
	byOwner := func(p auth.Principal, s *signer, purpose string) error {
		c := n.challenge(s, func(r *auth.ChallengeRequest) { r.Purpose = purpose })
		return n.PhraseByOwner(ctx, p, c.Message, s.sign(c.Message), here, agent)
	}
	if err := byOwner(l.Principal, alice, auth.PurposePhrase); err != nil {
		t.Fatal(err)
	}
	wantCode(t, byOwner(l.Principal, alice, auth.PurposeLogin), fault.Unauthenticated, "challenge_mismatch")
	wantCode(t, byOwner(l.Principal, bob, auth.PurposePhrase), fault.Unauthenticated, "challenge_mismatch")
	wantCode(t, n.PhraseByOwner(ctx, l.Principal, "", "", here, agent), fault.Unauthenticated, "signature_required")

	// An admin is not enough.
	if err := n.Admit(ctx, l.Principal, bob.addr, auth.Admin); err != nil {
		t.Fatal(err)
	}
	wantCode(t, byOwner(n.login(bob).Principal, bob, auth.PurposePhrase), fault.Denied, "forbidden")
	if c := n.count("SELECT count(*) FROM audit_logs WHERE action = 'phrase_shown'"); c != 2 {
		t.Fatalf("written down %d times", c)
	}
}

// Of many at once with the right code, one reads.
func TestPhraseRace(t *testing.T) {
	n := newNode(t)
	code := n.ClaimCode().Reveal()
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = n.PhraseByClaim(context.Background(), code, here, agent) })
	}
	wg.Wait()
	read := 0
	for _, err := range errs {
		if err == nil {
			read++
			continue
		}
		wantCode(t, err, fault.Gone, "phrase_already_shown")
	}
	if read != 1 {
		t.Fatalf("%d readers", read)
	}
}

// What could not be written down is not shown, and can be asked for again.
func TestPhraseIsNotShownUnwritten(t *testing.T) {
	n := newNode(t)
	n.exec("CREATE TRIGGER no BEFORE INSERT ON audit_logs BEGIN SELECT RAISE(ABORT, 'no'); END")
	code := n.ClaimCode().Reveal()
	if err := n.PhraseByClaim(t.Context(), code, here, agent); err == nil {
		t.Fatal("shown")
	}
	n.exec("DROP TRIGGER no")
	if err := n.PhraseByClaim(t.Context(), code, here, agent); err != nil {
		t.Fatal(err)
	}
}

// A signature for the phrase opens no session.
func TestStepUpSignatureIsNoLogin(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	l := n.owned(alice)
	c := n.challenge(alice, func(r *auth.ChallengeRequest) { r.Purpose = auth.PurposePhrase })
	_, err := n.Login(t.Context(), auth.LoginRequest{Address: &alice.addr, Message: c.Message, Signature: alice.sign(c.Message), Host: host})
	wantCode(t, err, fault.Unauthenticated, "challenge_mismatch")
	// Nor does a login's serve as a purpose, whatever the caller asks for.
	r := n.request(alice)
	wantCode(t, n.StepUp(t.Context(), l.Principal, auth.PurposeLogin, r.Message, r.Signature), fault.Invalid, "field_invalid")
	wantCode(t, n.StepUp(t.Context(), l.Principal, auth.PurposePhrase, r.Message, r.Signature), fault.Unauthenticated, "challenge_mismatch")
}
