//go:build linux

package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"
)

func keccak(b ...[]byte) []byte {
	h := sha3.NewLegacyKeccak256()
	for _, x := range b {
		h.Write(x)
	}
	return h.Sum(nil)
}

// post is the owner's browser.
func (p *program) post(path, token string, body, into any) {
	p.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		p.Fatal(err)
	}
	req, err := http.NewRequest("POST", p.tells().URL+path, bytes.NewReader(b))
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	c := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		p.Fatalf("%s: %d %s %v", path, res.StatusCode, raw, err)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			p.Fatal(err)
		}
	}
}

// claim makes a new wallet, as another browser has it, the owner.
func (p *program) claim() (token string) {
	p.Helper()
	k, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		p.Fatal(err)
	}
	addr := "0x" + hex.EncodeToString(keccak(k.PubKey().SerializeUncompressed()[1:])[12:])
	var ch struct{ Message string }
	p.post("/auth/challenge", "", map[string]any{"address": addr}, &ch)
	sig := ecdsa.SignCompact(k, keccak([]byte(fmt.Sprintf("\x19Ethereum Signed Message:\n%d%s", len(ch.Message), ch.Message))), false)
	var l struct{ Token string }
	p.post("/auth/particle", "", map[string]any{"address": addr, "message": ch.Message, "signature": "0x" + hex.EncodeToString(append(sig[1:], sig[0])), "claim_code": *p.tells().ClaimCode}, &l)
	return l.Token
}

// The wallet is in the browser; the window is let in from there, shows the
// files, and still does after it rested and after the owner's consent, anew.
func TestBrowserLetsTheWindowIn(t *testing.T) {
	s := newStage(t)
	p := s.start("--hidden", "--rest", "1s")
	token := p.claim()
	p.click("Open PC2")
	p.shown(1)
	p.logs(`route="GET /api/setup/status"`, 0)
	s.painted("sign-in")
	p.focus()
	// From the end, where nothing comes later: phrase, pair, browser.
	p.do("key", "shift+Tab", "shift+Tab", "shift+Tab", "Return")
	s.until("the browser opens", func() bool { return len(s.opens()) == 1 })
	s.painted("handover")
	_, key, ok := strings.Cut(s.opens()[0], p.tells().URL+"/#window=")
	if !ok {
		t.Fatal(s.opens())
	}
	p.post("/desktop/handover/answer", token, map[string]any{"key": key, "allow": true}, nil)
	n := p.logs(listing, 0)
	s.painted("files")

	// Rested, the page comes back with its session.
	p.closeWindow()
	p.shown(0)
	p.rests()
	p.click("Open PC2")
	p.logs(listing, n)
	if c := p.count(`route="POST /desktop/handover"`); c != 1 {
		t.Fatal("asked again", c)
	}

	// The owner consents, by the account's menu, third from its end.
	s.painted("files-again")
	p.focus()
	s.until("the account's menu opens", func() bool {
		x, y := p.corner()
		p.do("mousemove", fmt.Sprint(x+1080), fmt.Sprint(y+28), "mousemove", fmt.Sprint(x+1088), fmt.Sprint(y+28), "click", "1")
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			if shades(s.part(fmt.Sprintf("200x40+%d+%d", x+880, y+392))) > 8 { // below the list; its last entry is there
				return true
			}
		}
		return false
	})
	s.painted("account")
	for range 3 {
		s.turn("Up")
	}
	p.do("key", "Return")
	p.logs(`route="POST /desktop/trust" status=200`, 0)
	s.painted("trusted")
	p.click("Quit")
	p.leaves()

	// A new process has no cookie, and needs none.
	p = s.start()
	p.shown(1)
	p.logs(listing, 0)
	s.painted("files-trusted")
	p.click("Quit")
	p.leaves()
}

const listing = `route="POST /readdir" status=200`

// rests waits until the closed window has given its page back.
func (p *program) rests() {
	p.Helper()
	p.until("the page's process ends", func() bool { return len(p.children("WebKitWeb")) == 0 })
}
