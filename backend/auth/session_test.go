package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pc2/backend/auth"
	"pc2/backend/event"
	"pc2/backend/fault"
	"pc2/backend/store"
)

const day = 24 * time.Hour

func TestForgedTokens(t *testing.T) {
	n := newNode(t)
	tok := n.owned(newSigner(t, "alice")).Token.Reveal()
	if strings.Trim(tok, "0123456789abcdef") != "" || len(tok) != 64 {
		t.Fatalf("a token of another form: %d characters", len(tok))
	}
	flip := "0"
	if tok[63] == '0' {
		flip = "1"
	}
	for name, c := range map[string]string{
		"upper case":  strings.ToUpper(tok),
		"cut":         tok[:63],
		"longer":      tok + "0",
		"spaces":      " " + tok,
		"last digit":  tok[:63] + flip,
		"zeros":       strings.Repeat("0", 64),
		"mock":        "mock-token",
		"wallet":      "token-0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed-1735725600000",
		"wildcard":    strings.Repeat("%", 64),
		"app token":   "pc2a_" + tok,
		"quote":       "' OR 1=1 --",
		"huge":        strings.Repeat("a", 1<<20),
		"NUL":         strings.Repeat("\x00", 64),
		"not ASCII":   strings.Repeat("é", 32),
		"hash stored": fmt.Sprintf("%x", n.hash()),
	} {
		if strings.ToUpper(tok) == tok && name == "upper case" {
			continue // no letter in it, once in 10^13 runs
		}
		_, err := n.Authenticate(t.Context(), c, here, agent)
		if fault.KindOf(err) != fault.Unauthenticated || fault.CodeOf(err) != "token_auth_failed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := n.Authenticate(t.Context(), "", here, agent)
	wantCode(t, err, fault.Unauthenticated, "token_missing")
}

// hash is the stored hash of the only session.
func (n *node) hash() (h []byte) {
	n.t.Helper()
	if err := n.db.Read(context.Background()).QueryRow("SELECT token_hash FROM sessions").Scan(&h); err != nil {
		n.t.Fatal(err)
	}
	return h
}

// active is the stored activity of a session.
func (n *node) active(id string) time.Time {
	return time.UnixMilli(int64(n.count("SELECT last_activity FROM sessions WHERE session_id = ?", id)))
}

func TestSlidingExpiry(t *testing.T) {
	n := newNode(t)
	l := n.owned(newSigner(t, "alice"))
	start := n.time

	// Within five minutes nothing is written.
	n.time = start.Add(5*time.Minute - time.Millisecond)
	if _, err := n.auth(l); err != nil {
		t.Fatal(err)
	}
	if a := n.active(l.Session.ID); !a.Equal(start.Truncate(time.Millisecond)) {
		t.Fatalf("written after %v", a.Sub(start))
	}
	// Then once, with what is known of the client.
	n.time = start.Add(5 * time.Minute)
	p, err := n.Authenticate(t.Context(), l.Token.Reveal(), there, "curl")
	if err != nil || !p.Session.ExpiresAt.Equal(n.time.Add(7*day).Truncate(time.Millisecond)) {
		t.Fatalf("%+v, %v", p.Session, err)
	}
	if a := n.active(l.Session.ID); !a.Equal(n.time.Truncate(time.Millisecond)) {
		t.Fatalf("activity %v", a)
	}
	list, err := n.Sessions(t.Context(), p)
	if err != nil || len(list) != 1 || list[0].LastIP != there.String() || list[0].UserAgent != "curl" || !list[0].ExpiresAt.Equal(p.Session.ExpiresAt) {
		t.Fatalf("%+v, %v", list, err)
	}
	// In use it lives on, to the absolute end and no further.
	for n.time.Before(start.Add(90*day - time.Hour)) {
		n.time = n.time.Add(6 * day)
		if n.time.After(start.Add(90 * day)) {
			n.time = start.Add(90*day - time.Hour)
		}
		if p, err = n.auth(l); err != nil {
			t.Fatalf("after %v: %v", n.time.Sub(start), err)
		}
	}
	if end := start.Add(90 * day).Truncate(time.Millisecond); !p.Session.ExpiresAt.Equal(end) {
		t.Fatalf("ends %v, want %v", p.Session.ExpiresAt, end)
	}
	n.time = start.Add(90 * day)
	_, err = n.auth(l)
	wantCode(t, err, fault.Unauthenticated, "reauth_required")
	wantField(t, err, "reason", "session_expired")
}

func TestIdleSessionExpires(t *testing.T) {
	n := newNode(t, func(c *auth.Config) { c.SessionDays = 2 })
	l := n.owned(newSigner(t, "alice"))
	n.time = l.Session.ExpiresAt
	for range 2 { // from the cache, then from the database
		_, err := n.auth(l)
		wantCode(t, err, fault.Unauthenticated, "reauth_required")
		wantField(t, err, "reason", "session_expired")
		n.restart()
	}
}

// A request costs no SQLite: it works even when the database is closed.
func TestAuthenticateTouchesNoDisk(t *testing.T) {
	n := newNode(t)
	l := n.owned(newSigner(t, "alice"))
	if _, err := n.auth(l); err != nil {
		t.Fatal(err)
	}
	n.db.Close()
	if _, err := n.auth(l); err != nil {
		t.Fatal(err)
	}
	// Nor does a write that fails keep anybody out.
	n.time = n.time.Add(time.Hour)
	if _, err := n.auth(l); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Authenticate(t.Context(), strings.Repeat("0", 64), here, agent); fault.KindOf(err) == fault.Unauthenticated || err == nil {
		t.Fatalf("a broken database reads as an unknown token: %v", err)
	}
}

func TestLogout(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	l := n.owned(alice)
	other := n.login(alice)
	p, err := n.auth(l)
	if err != nil {
		t.Fatal(err)
	}
	ended := event.Subscribe[auth.SessionEnded](n.bus, 8)
	defer ended.Close()
	if err := n.Logout(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if e := <-ended.C(); e != (auth.SessionEnded{SessionID: l.Session.ID, Wallet: alice.addr, Reason: "session_revoked"}) {
		t.Fatalf("%+v", e)
	}
	_, err = n.auth(l)
	wantCode(t, err, fault.Unauthenticated, "reauth_required")
	wantField(t, err, "reason", "session_revoked")
	if _, err := n.auth(other); err != nil {
		t.Fatal(err)
	}
	// Twice is no error, and is told once.
	if err := n.Logout(t.Context(), p); err != nil || len(ended.C()) != 0 {
		t.Fatal(err, len(ended.C()))
	}
	if c := n.count("SELECT count(*) FROM audit_logs WHERE action = 'auth_logout' AND resource = ?", l.Session.ID); c != 1 {
		t.Fatalf("written down %d times", c)
	}
}

func TestListAndRevoke(t *testing.T) {
	n, alice, bob := newNode(t), newSigner(t, "alice"), newSigner(t, "bob")
	one := n.owned(alice)
	n.time = n.time.Add(time.Minute)
	two := n.login(alice)
	if err := n.Admit(t.Context(), one.Principal, bob.addr, auth.Member); err != nil {
		t.Fatal(err)
	}
	bobs := n.login(bob)

	list, err := n.Sessions(t.Context(), one.Principal)
	if err != nil || len(list) != 2 || list[0].ID != two.Session.ID || list[1].ID != one.Session.ID || list[0].Kind != "web" || list[0].LastIP != "127.0.0.1" || list[0].UserAgent != agent {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, c := range []struct {
		id   string
		kind fault.Kind
		code string
	}{
		{one.Session.ID, fault.Invalid, "bad_request"},      // the calling one
		{bobs.Session.ID, fault.NotFound, "not_found"},      // another's
		{"%", fault.NotFound, "not_found"},                  // no pattern
		{two.Session.ID[:16], fault.NotFound, "not_found"},  // no prefix
		{two.Session.ID + " ", fault.NotFound, "not_found"}, // exact
		{strings.ToUpper(two.Session.ID), fault.NotFound, "not_found"},
		{"", fault.NotFound, "not_found"},
	} {
		wantCode(t, n.Revoke(t.Context(), one.Principal, c.id), c.kind, c.code)
	}
	if _, err := n.auth(two); err != nil {
		t.Fatal(err)
	}
	if err := n.Revoke(t.Context(), one.Principal, two.Session.ID); err != nil {
		t.Fatal(err)
	}
	_, err = n.auth(two)
	wantField(t, err, "reason", "session_revoked")
	wantCode(t, n.Revoke(t.Context(), one.Principal, two.Session.ID), fault.NotFound, "not_found")
	if list, err := n.Sessions(t.Context(), one.Principal); err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, l := range []auth.Login{one, bobs} {
		if _, err := n.auth(l); err != nil {
			t.Fatal(err)
		}
	}
}

// One table of sessions, and which of them each call ends.
func TestRevokeAll(t *testing.T) {
	for _, c := range []struct {
		name          string
		current, apps bool
		want          string
	}{
		{"others", false, false, "other other-app"},
		{"and current", true, false, "current current-app other other-app"},
		{"and apps", false, true, "current-app lone-app other other-app"},
		{"everything", true, true, "current current-app lone-app other other-app"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, alice := newNode(t), newSigner(t, "alice")
			cur := n.owned(alice)
			other := n.login(alice)
			for id, parent := range map[string]any{"current-app": cur.Session.ID, "other-app": other.Session.ID, "lone-app": nil} {
				n.exec(`INSERT INTO sessions (token_hash, session_id, wallet_address, kind, parent_session_id, created_via, created_at, last_activity, expires_at, absolute_expires_at)
					VALUES (?, ?, ?, 'app', ?, 'app', 0, 0, ?, ?)`, []byte(id), id, alice.addr, parent, n.time.Add(day).UnixMilli(), n.time.Add(day).UnixMilli())
			}
			n.exec(`INSERT INTO sessions (token_hash, session_id, wallet_address, kind, created_via, created_at, last_activity, expires_at, absolute_expires_at)
				VALUES (x'00', 'expired', ?, 'web', 'wallet', 0, 0, 1, 1)`, alice.addr)
			got, err := n.RevokeAll(t.Context(), cur.Principal, c.current, c.apps)
			if err != nil {
				t.Fatal(err)
			}
			var ids string
			err = n.db.Read(t.Context()).QueryRow(`SELECT group_concat(name, ' ') FROM (SELECT CASE session_id WHEN ? THEN 'current' WHEN ? THEN 'other' ELSE session_id END AS name
				FROM sessions WHERE revoked_at IS NOT NULL ORDER BY name)`, cur.Session.ID, other.Session.ID).Scan(&ids)
			if err != nil || ids != c.want || got != len(strings.Fields(c.want)) {
				t.Fatalf("%d: %s, %v; want %s", got, ids, err, c.want)
			}
			if _, err := n.auth(cur); (err == nil) == c.current {
				t.Fatalf("the calling session: %v", err)
			}
		})
	}
}

func TestAtMostTwoHundredSessions(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	first := n.owned(alice)
	n.time = n.time.Add(time.Second)
	second := n.login(alice)
	for range 198 {
		n.time = n.time.Add(time.Second)
		n.login(alice)
	}
	// The first is used, so the second is the longest idle.
	n.time = n.time.Add(6 * time.Minute)
	if _, err := n.auth(first); err != nil {
		t.Fatal(err)
	}
	ended := event.Subscribe[auth.SessionEnded](n.bus, 8)
	defer ended.Close()
	newest := n.login(alice)
	if e := <-ended.C(); e.SessionID != second.Session.ID || e.Reason != "session_revoked" || len(ended.C()) != 0 {
		t.Fatalf("%+v and %d more", e, len(ended.C()))
	}
	_, err := n.auth(second)
	wantCode(t, err, fault.Unauthenticated, "reauth_required")
	for _, l := range []auth.Login{first, newest} {
		if _, err := n.auth(l); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := n.Sessions(t.Context(), newest.Principal); err != nil || len(list) != 200 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
}

func TestMembers(t *testing.T) {
	n := newNode(t)
	ctx := t.Context()
	alice, bob, carol, dave := newSigner(t, "alice"), newSigner(t, "bob"), newSigner(t, "carol"), newSigner(t, "dave")
	owner := n.owned(alice)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(n.Admit(ctx, owner.Principal, bob.addr, auth.Admin))
	must(n.Admit(ctx, owner.Principal, carol.addr, auth.Member))
	admin, member := n.login(bob), n.login(carol)
	if admin.Role != auth.Admin || member.Role != auth.Member || !admin.Role.IsAdmin() || member.Role.IsAdmin() {
		t.Fatalf("%v %v", admin.Role, member.Role)
	}

	// Who may do what.
	wantCode(t, n.Admit(ctx, member.Principal, dave.addr, auth.Member), fault.Denied, "forbidden")
	wantCode(t, n.Admit(ctx, admin.Principal, dave.addr, auth.Admin), fault.Denied, "forbidden")
	wantCode(t, n.Admit(ctx, admin.Principal, carol.addr, auth.Admin), fault.Denied, "forbidden")
	wantCode(t, n.Dismiss(ctx, admin.Principal, bob.addr), fault.Denied, "forbidden")
	wantCode(t, n.Admit(ctx, owner.Principal, dave.addr, auth.Owner), fault.Invalid, "field_invalid")
	wantCode(t, n.Admit(ctx, owner.Principal, alice.addr, auth.Member), fault.Conflict, "conflict")
	wantCode(t, n.Dismiss(ctx, owner.Principal, alice.addr), fault.Conflict, "conflict")
	wantCode(t, n.Dismiss(ctx, owner.Principal, dave.addr), fault.NotFound, "not_found")
	must(n.Admit(ctx, admin.Principal, dave.addr, auth.Member))

	// A change of role is seen by the next request.
	must(n.Admit(ctx, owner.Principal, carol.addr, auth.Admin))
	if p, err := n.auth(member); err != nil || p.Role != auth.Admin {
		t.Fatalf("%v %v", p.Role, err)
	}

	// So is being put out: told once why, and then the session is not known.
	ended := event.Subscribe[auth.SessionEnded](n.bus, 8)
	defer ended.Close()
	must(n.Dismiss(ctx, owner.Principal, carol.addr))
	if e := <-ended.C(); e.SessionID != member.Session.ID || e.Reason != "account_suspended" {
		t.Fatalf("%+v", e)
	}
	_, err := n.auth(member)
	wantCode(t, err, fault.Denied, "account_suspended")
	if c := n.count("SELECT count(*) FROM sessions WHERE wallet_address = ?", carol.addr); c != 0 {
		t.Fatalf("%d sessions left", c)
	}
	_, err = n.auth(member)
	wantCode(t, err, fault.Unauthenticated, "token_auth_failed")
	_, err = n.Login(ctx, n.request(carol))
	wantCode(t, err, fault.Denied, "access_denied")
}

// Who comes back signs in again: sessions of before stay dead.
func TestReadmittedWalletStartsAfresh(t *testing.T) {
	n := newNode(t)
	alice, bob := newSigner(t, "alice"), newSigner(t, "bob")
	owner := n.owned(alice)
	for range 2 {
		if err := n.Admit(t.Context(), owner.Principal, bob.addr, auth.Member); err != nil {
			t.Fatal(err)
		}
	}
	l := n.login(bob)
	if err := n.Dismiss(t.Context(), owner.Principal, bob.addr); err != nil {
		t.Fatal(err)
	}
	if err := n.Admit(t.Context(), owner.Principal, bob.addr, auth.Member); err != nil {
		t.Fatal(err)
	}
	_, err := n.auth(l)
	wantCode(t, err, fault.Unauthenticated, "reauth_required")
	if again := n.login(bob); again.User.UUID != l.User.UUID {
		t.Fatal("another user")
	}
}

func TestDisplayName(t *testing.T) {
	n := newNode(t)
	l := n.owned(newSigner(t, "alice"))
	for _, c := range []struct{ give, want, code string }{
		{" Alice Müller ", "Alice Müller", ""},
		{strings.Repeat("ä", 64), strings.Repeat("ä", 64), ""},
		{strings.Repeat("ä", 65), "", "field_invalid"},
		{"a\x00b", "", "field_invalid"},
		{"\xff", "", "field_invalid"},
		{"", "", ""},
	} {
		got, err := n.SetDisplayName(t.Context(), l.Principal, c.give)
		if c.code != "" {
			wantCode(t, err, fault.Invalid, c.code)
			wantField(t, err, "key", "display_name")
			continue
		}
		p, perr := n.auth(l) // seen at once
		if err != nil || perr != nil || got != c.want || p.User.DisplayName != c.want {
			t.Errorf("%q: %q, %v; %q, %v", c.give, got, err, p.User.DisplayName, perr)
		}
	}
}

func TestLoginHistory(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	n.owned(alice)
	n.time = n.time.Add(time.Hour)
	r := n.request(alice)
	r.IP, r.UserAgent = there, strings.Repeat("x", 10_000)
	if _, err := n.Login(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	got, err := n.LoginHistory(t.Context(), alice.addr, 10)
	if err != nil || len(got) != 2 || got[0].IP != there.String() || got[0].Method != "eoa" || len(got[0].UserAgent) != 256 ||
		!got[0].At.Equal(n.time.Truncate(time.Millisecond)) || got[1].UserAgent != agent {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := n.LoginHistory(t.Context(), newSigner(t, "bob").addr, 10); err != nil || len(got) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
}

// Run tells of an expiry within a minute, by the real clock of a time bubble.
func TestRunTellsOfExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *auth.Config) { c.Now, c.SessionDays = nil, 1 })
		alice := newSigner(t, "alice")
		l := n.owned(alice)
		ended := event.Subscribe[auth.SessionEnded](n.bus, 8)
		defer ended.Close()
		defer n.run()()

		time.Sleep(12 * time.Hour)
		if _, err := n.auth(l); err != nil { // in use: the end moves
			t.Fatal(err)
		}
		used := time.Now()
		e := <-ended.C()
		if late := time.Since(used.Add(day)); e != (auth.SessionEnded{SessionID: l.Session.ID, Wallet: alice.addr, Reason: "session_expired"}) || late < 0 || late > time.Minute {
			t.Fatalf("%+v, %v late", e, late)
		}
		time.Sleep(3 * time.Hour)
		if len(ended.C()) != 0 {
			t.Fatal("told twice")
		}
	})
}

// Run clears away what has had its time, at its start and every hour.
func TestRunPurges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		alice := newSigner(t, "alice")
		dead := n.owned(alice)
		if err := n.Logout(t.Context(), dead.Principal); err != nil {
			t.Fatal(err)
		}
		start := n.time
		for _, c := range []struct {
			days, sessions, records int
			code                    string // what the dead session's client hears
		}{
			{29, 1, 3, "reauth_required"},
			{31, 0, 3, "token_auth_failed"},
			{89, 0, 3, "token_auth_failed"},
			{91, 0, 1, "token_auth_failed"}, // the newest row stays, for the chain
		} {
			n.time = start.Add(time.Duration(c.days) * day)
			stop := n.run()
			stop()
			if s, r := n.count("SELECT count(*) FROM sessions"), n.count("SELECT count(*) FROM audit_logs"); s != c.sessions || r != c.records {
				t.Fatalf("after %d days: %d sessions, %d records", c.days, s, r)
			}
			_, err := n.auth(dead)
			wantCode(t, err, fault.Unauthenticated, c.code)
		}
		n.login(alice)
		if err := auth.VerifyAudit(n.db.Read(t.Context())); err != nil {
			t.Fatal(err)
		}
	})
}

// run starts Run in a time bubble, waits for its first round and returns what stops it.
func (n *node) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- n.Run(ctx) }()
	synctest.Wait()
	return func() {
		n.t.Helper()
		cancel()
		if err := <-stopped; err != nil {
			n.t.Error(err)
		}
	}
}

// Whatever happens at the same time: once Revoke has returned, the session is dead.
func TestRevokedMeansRevoked(t *testing.T) {
	n, alice := newNode(t), newSigner(t, "alice")
	owner := n.owned(alice)
	ctx := context.Background()
	var wg sync.WaitGroup
	for range 8 {
		l := n.login(alice)
		dead := make(chan struct{})
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-dead:
						if _, err := n.auth(l); !errors.Is(err, auth.ErrRevoked) {
							t.Errorf("after revocation: %v", err)
						}
						return
					default:
					}
					if _, err := n.auth(l); err != nil && !errors.Is(err, auth.ErrRevoked) {
						t.Errorf("before: %v", err)
					}
				}
			})
		}
		wg.Go(func() {
			// Names change meanwhile, so that the cache is dropped and read again.
			for i := range 3 {
				if _, err := n.SetDisplayName(ctx, owner.Principal, fmt.Sprint("Alice ", i)); err != nil {
					t.Error(err)
				}
			}
			if err := n.Revoke(ctx, owner.Principal, l.Session.ID); err != nil {
				t.Error(err)
			}
			close(dead)
		})
	}
	wg.Wait()
}

// Many requests at the moment when a session is due write it once.
func TestOneTouchOfMany(t *testing.T) {
	n := newNode(t)
	l := n.owned(newSigner(t, "alice"))
	n.exec("CREATE TABLE touched (n)")
	n.exec("CREATE TRIGGER t AFTER UPDATE OF last_activity ON sessions BEGIN INSERT INTO touched VALUES (1); END")
	n.time = n.time.Add(time.Hour)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := n.auth(l); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c := n.count("SELECT count(*) FROM touched"); c != 1 {
		t.Fatalf("written %d times", c)
	}
}

func TestAuditChain(t *testing.T) {
	fill := func(t *testing.T) *node {
		n := newNode(t)
		alice := newSigner(t, "alice")
		l := n.owned(alice)
		if err := n.Admit(t.Context(), l.Principal, newSigner(t, "bob").addr, auth.Member); err != nil {
			t.Fatal(err)
		}
		n.login(alice)
		if err := n.Logout(t.Context(), l.Principal); err != nil {
			t.Fatal(err)
		}
		if err := auth.VerifyAudit(n.db.Read(t.Context())); err != nil {
			t.Fatal(err)
		}
		if c := n.count("SELECT count(*) FROM audit_logs"); c != 5 {
			t.Fatalf("%d rows", c)
		}
		return n
	}
	for name, q := range map[string]string{
		"removed":   "DELETE FROM audit_logs WHERE id = 3",
		"wallet":    "UPDATE audit_logs SET wallet_address = NULL WHERE id = 3",
		"action":    "UPDATE audit_logs SET action = 'x' WHERE id = 3",
		"resource":  "UPDATE audit_logs SET resource = '' WHERE id = 1",
		"moved":     "UPDATE audit_logs SET resource = ip_address, ip_address = resource WHERE id = 3",
		"detail":    "UPDATE audit_logs SET detail = '{}' WHERE id = 2",
		"time":      "UPDATE audit_logs SET created_at = created_at + 1 WHERE id = 1",
		"agent":     "UPDATE audit_logs SET user_agent = 'x' WHERE id = 1",
		"prev_hash": "UPDATE audit_logs SET prev_hash = zeroblob(32) WHERE id = 4",
		"inserted":  "INSERT INTO audit_logs SELECT 6, wallet_address, action, resource, ip_address, user_agent, detail, created_at, prev_hash FROM audit_logs WHERE id = 5",
	} {
		t.Run(name, func(t *testing.T) {
			n := fill(t)
			n.exec(q)
			if err := auth.VerifyAudit(n.db.Read(t.Context())); err == nil {
				t.Fatal("not noticed")
			}
		})
	}
	// What the clock takes from the front leaves the rest whole.
	n := fill(t)
	n.exec("DELETE FROM audit_logs WHERE id < 3")
	if err := auth.VerifyAudit(n.db.Read(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// The hash of a first row as its rule says, computed by another program.
func TestAuditHashing(t *testing.T) {
	n := newNode(t)
	w := address(t, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
	at := time.UnixMilli(1735725600000)
	for _, r := range []auth.Record{
		{Wallet: w, Action: "auth_login", IP: here, UserAgent: "x", Detail: map[string]any{"method": "eoa"}, At: at},
		{Action: "phrase_shown", At: at},
	} {
		if err := n.db.Write(t.Context(), func(tx *store.Tx) error { return auth.Audit(tx, r) }); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	if err := n.db.Read(t.Context()).QueryRow("SELECT group_concat(hex(prev_hash), ' ') FROM (SELECT prev_hash FROM audit_logs ORDER BY id)").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != strings.Repeat("0", 64)+" "+"8AA69399D118A7AD4B38DFB3B1EF34E16B1AA9BF7CD34B581DD025FBB41708A0" {
		t.Fatal(got)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	n := newNode(b)
	l := n.owned(newSigner(b, "alice"))
	for b.Loop() {
		if _, err := n.auth(l); err != nil {
			b.Fatal(err)
		}
	}
}
