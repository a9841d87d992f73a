package api

import (
	"strings"

	"pc2/backend/auth"
)

// accessStatus tells a page that is not signed in whether there is an owner.
func (s *Server) accessStatus(c *call) error {
	owner, set := s.cfg.Auth.Owner()
	var wallet any
	if set && c.who.Session.ID != "" {
		wallet = owner.String()
	}
	return c.ok(map[string]any{"hasOwner": set, "ownerWallet": wallet, "hasAntiSnipePassword": false, "hasValidSession": c.who.Session.ID != "", "requiresPassword": false})
}

// setupStatus is what the first-run page asks before anybody is signed in.
// Set-up is over when there is an owner: a name may come later, or never.
func (s *Server) setupStatus(c *call) error {
	_, owned := s.cfg.Auth.Owner()
	step := "welcome"
	if owned {
		step = "complete"
	}
	return c.ok(map[string]any{
		"success": true, "needsSetup": !owned, "setupComplete": owned, "hasUsername": s.cfg.Net.State().Name != "", "canHaveUsername": len(s.cfg.Net.SuperNodes()) > 0,
		"hasIdentity": true, "hasMnemonic": true,
		"hasMnemonicBackup": owned, "step": step, "node_name": s.cfg.NodeName, "node_id": s.cfg.Node.String(), "local": c.in == loopback, "ingress": c.in.String(),
	})
}

// claimHeader carries the claim code of a GET: in an address it would be kept by
// histories and logs.
const claimHeader = "X-PC2-Claim"

// phrase shows the recovery phrase once to who holds the claim code, while
// there is no owner.
func (s *Server) phrase(c *call) error {
	if err := onThisPC(c); err != nil {
		return err
	}
	if err := s.cfg.Auth.PhraseByClaim(c.Context(), c.Header.Get(claimHeader), c.ip, c.UserAgent()); err != nil {
		return err
	}
	return s.showPhrase(c)
}

// phraseAgain shows it to the owner, who signs for it afresh.
func (s *Server) phraseAgain(c *call) error {
	if err := onThisPC(c); err != nil {
		return err
	}
	message, err := c.fields.text("message")
	if err != nil {
		return err
	}
	signature, err := c.fields.text("signature")
	if err != nil {
		return err
	}
	if message == "" || signature == "" {
		return auth.ErrSignatureRequired
	}
	if err := s.cfg.Auth.PhraseByOwner(c.Context(), c.who, message, signature, c.ip, c.UserAgent()); err != nil {
		return err
	}
	return s.showPhrase(c)
}

func (s *Server) showPhrase(c *call) error {
	p, err := s.cfg.Phrase()
	if err != nil {
		return err
	}
	words := p.Reveal()
	return c.ok(map[string]any{"success": true, "mnemonic": words, "wordCount": len(strings.Fields(words))})
}
