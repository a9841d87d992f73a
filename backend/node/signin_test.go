//go:build linux

package node

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// signIn asks for a challenge and answers it, as any visitor can.
func (v *visitor) signIn(w testWallet, code string, header ...string) reply {
	v.t.Helper()
	r := v.post("/auth/challenge", map[string]any{"address": w.address}, header...)
	if r.code != 200 {
		return r
	}
	return v.post("/auth/particle", w.signIn(r.object(v.t)["message"].(string), code), header...)
}

// A node without an owner is claimed from elsewhere by the right code alone. All
// visitors come over one relay; each is counted by itself, whatever it says of
// itself, so that who guesses keeps nobody else out.
func TestClaimFromElsewhere(t *testing.T) {
	t.Parallel()
	c := newFreeChain(t, "alice")
	code := c.node.auth.ClaimCode().Reveal()
	thief, owner := newWallet(t), newWallet(t)
	guesser := c.visitor("127.0.0.2")
	if r := guesser.signIn(thief, ""); r.code != 403 && r.code != 401 {
		t.Fatal("without a code:", r)
	}
	limited := false
	for i := range 30 {
		guess := fmt.Sprintf("%012d", i)
		r := guesser.signIn(thief, guess, "X-Forwarded-For", fmt.Sprintf("10.0.0.%d", i), "X-Real-Ip", fmt.Sprintf("10.0.0.%d", i), "Forwarded", fmt.Sprintf("for=10.0.0.%d", i))
		if r.code == 200 || limited && r.code != 429 {
			t.Fatal("a guess:", r)
		}
		limited = limited || r.code == 429
	}
	if !limited {
		t.Fatal("guessing has no end")
	}
	if r := guesser.signIn(thief, code); r.code != 429 {
		t.Fatal("who guessed too often guesses on:", r)
	}
	if r := c.visitor("127.0.0.3").signIn(owner, code); r.code != 200 {
		t.Fatal("the right code from elsewhere:", r)
	}
	for _, code := range []string{code, ""} {
		if r := c.visitor("127.0.0.4").signIn(thief, code); r.code == 200 {
			t.Fatal("a second owner:", r)
		}
	}
}

// asked waits for the question whether a further browser may come in.
func (c *chain) asked(from, token string) (next func() map[string]any) {
	d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return c.dial(c.t.Context(), from) }}
	ws, _, err := d.Dial("ws://"+c.host()+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { ws.Close() })
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`40{"auth_token":"`+token+`"}`)); err != nil {
		c.t.Fatal(err)
	}
	wait := func(event string) string {
		c.t.Helper()
		ws.SetReadDeadline(time.Now().Add(time.Minute))
		for {
			_, m, err := ws.ReadMessage()
			if err != nil {
				c.t.Fatalf("no %s: %v", event, err)
			}
			if string(m) == "2" {
				ws.WriteMessage(websocket.TextMessage, []byte("3"))
			}
			if rest, ok := strings.CutPrefix(string(m), `42["`+event+`",`); ok {
				return strings.TrimSuffix(rest, "]")
			}
		}
	}
	wait("connected")
	return func() map[string]any { return reply{body: []byte(wait("pair.requested"))}.object(c.t) }
}

func (v *visitor) text(r reply, key string) string {
	v.t.Helper()
	s, ok := r.object(v.t)[key].(string)
	if r.code != 200 || !ok {
		v.t.Fatalf("no %s in %v", key, r)
	}
	return s
}

// Pairing, all of it through the chain: guessing is bounded for who guesses and
// nobody else; a code works once; who redeems a code that was meant for another
// stands before a question that the owner answers with other digits.
func TestPairingFromElsewhere(t *testing.T) {
	t.Parallel()
	c := newChain(t, "alice")
	owner := c.owner("127.0.0.2")
	question := c.asked("127.0.0.2", c.token)
	offer := func() string { t.Helper(); return owner.text(owner.post("/auth/pair", map[string]any{}), "code") }
	redeem := func(from, code string, header ...string) (*visitor, reply) {
		t.Helper()
		v := c.visitor(from)
		return v, v.post("/auth/pair/redeem", map[string]any{"code": code, "device_name": "of " + from}, header...)
	}
	await := func(v *visitor, r reply) reply {
		t.Helper()
		return v.do("GET", "/auth/pair/"+v.text(r, "request_id"), nil, "Authorization", "Bearer "+v.text(r, "secret"), "Origin", c.url)
	}
	answer := func(v *visitor, id, confirm string) reply {
		t.Helper()
		return v.post("/auth/pair/"+id+"/allow", map[string]any{"confirm": confirm})
	}

	code := offer()
	limited := 0
	for i := range 20 {
		lie := fmt.Sprintf("10.0.0.%d", i)
		switch _, r := redeem("127.0.0.3", fmt.Sprintf("%010d", i), "X-Forwarded-For", lie, "X-Real-Ip", lie); {
		case r.says(401, "pair_unknown") && limited == 0:
		case r.says(429, "too_many_requests"):
			limited++
		default:
			t.Fatal("a guess:", r)
		}
	}
	if limited < 10 {
		t.Fatal("guessing has no end:", limited)
	}
	if _, r := redeem("127.0.0.3", code); r.code != 429 {
		t.Fatal("who guessed too often guesses on:", r)
	}
	// The phone it was meant for comes in, from where it says it is.
	phone, r := redeem("127.0.0.4", code)
	id := phone.text(r, "request_id")
	if q := question(); q["request_id"] != id || q["ip"] != "127.0.0.4" || q["device_name"] != "of 127.0.0.4" {
		t.Fatal(q)
	}
	// The code is used up, and nobody but the one who was asked can answer, by nothing but the digits.
	if _, r := redeem("127.0.0.5", code); !r.says(401, "pair_unknown") {
		t.Fatal("the code again:", r)
	}
	if r := answer(phone, id, phone.text(r, "confirm")); r.code != 401 {
		t.Fatal("the phone lets itself in:", r)
	}
	if r := c.visitor("127.0.0.6").do("GET", "/auth/pair/"+id, nil, "Authorization", "Bearer "+strings.Repeat("0", 64)); !r.says(401, "pair_unknown") {
		t.Fatal(r)
	}
	if r := answer(owner, id, phone.text(r, "confirm")); r.code != 200 {
		t.Fatal(r)
	}
	// Of several who ask with the same secret one gets the session.
	var all sync.WaitGroup
	var mu sync.Mutex
	tokens := 0
	for range 5 {
		all.Go(func() {
			r, err := phone.try("GET", "/auth/pair/"+id, nil, "Authorization", "Bearer "+phone.text(r, "secret"), "Origin", c.url)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || r.code != 200 && !r.says(410, "pair_expired") {
				t.Error(r, err)
			}
			if r.code == 200 {
				tokens++
				phone.token, _ = r.object(t)["token"].(string)
			}
		})
	}
	all.Wait()
	if tokens != 1 {
		t.Fatalf("%d sessions of one code", tokens)
	}
	if r := phone.do("GET", "/stat?path=~", nil); r.code != 200 {
		t.Fatal("the phone is not in:", r)
	}

	// Somebody saw the code and was faster. The digits give them away.
	code = offer()
	thief, r := redeem("127.0.0.7", code)
	q := question()
	if q["ip"] != "127.0.0.7" {
		t.Fatal(q)
	}
	if _, r := redeem("127.0.0.8", code); !r.says(401, "pair_unknown") {
		t.Fatal("the one it was meant for is not told:", r)
	}
	for _, digits := range q["choices"].([]any) {
		if digits != thief.text(r, "confirm") {
			if r := answer(owner, thief.text(r, "request_id"), digits.(string)); !r.says(403, "pair_denied") {
				t.Fatal(r)
			}
			break
		}
	}
	if r := await(thief, r); !r.says(403, "pair_denied") {
		t.Fatal("the thief is in:", r)
	}
	if r := answer(owner, thief.text(r, "request_id"), thief.text(r, "confirm")); r.code == 200 {
		t.Fatal("a second answer counts:", r)
	}

	// Of many who redeem a code at once one does.
	code = offer()
	won := 0
	for i := range 8 {
		all.Go(func() {
			_, r := redeem(fmt.Sprintf("127.0.2.%d", i+1), code)
			mu.Lock()
			defer mu.Unlock()
			if r.code == 200 {
				won++
			} else if !r.says(401, "pair_unknown") {
				t.Error(r)
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Fatalf("%d redeemed one code", won)
	}
}
