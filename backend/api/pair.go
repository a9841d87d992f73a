package api

import (
	"context"
	"strings"
	"time"

	"pc2/backend/auth"
)

// pairPoll is how long a question for the answer may wait for it.
const pairPoll = 25 * time.Second

// pairOffer makes a code for a further browser, and the address to open there.
func (s *Server) pairOffer(c *call) error {
	code, until := s.cfg.Auth.Offer(c.who)
	origin := c.origin
	if s.cfg.PublicURL != "" {
		origin = s.cfg.PublicURL
	}
	if u := s.cfg.Net.State().URL; u != "" {
		origin = u
	}
	return c.ok(map[string]any{"success": true, "code": code.Reveal(), "url": origin + "/#pair=" + code.Reveal(), "expires_in": seconds(until)})
}

func seconds(until time.Time) int { return int(time.Until(until).Round(time.Second).Seconds()) }

// pairRedeem is the further browser's: it has the code, and no session.
func (s *Server) pairRedeem(c *call) error {
	code, err := c.fields.text("code")
	if err != nil {
		return err
	}
	if code == "" {
		return missing("code")
	}
	name, err := c.fields.text("device_name")
	if err != nil {
		return err
	}
	r, err := s.cfg.Auth.Redeem(code, name, c.ip, c.UserAgent())
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "request_id": r.RequestID, "secret": r.Secret.Reveal(), "confirm": r.Confirm, "expires_in": seconds(r.ExpiresAt)})
}

func (s *Server) pairAllow(c *call) error {
	confirm, err := c.fields.text("confirm")
	if err != nil {
		return err
	}
	if confirm == "" {
		return missing("confirm")
	}
	return s.pairAnswer(c, confirm, true)
}

func (s *Server) pairDeny(c *call) error { return s.pairAnswer(c, "", false) }

func (s *Server) pairAnswer(c *call, confirm string, allow bool) error {
	if err := s.cfg.Auth.Answer(c.who, c.PathValue("request_id"), confirm, allow); err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true})
}

// pairAwait answers the further browser once somebody decided: signed in, or not.
func (s *Server) pairAwait(c *call) error {
	h := c.Header.Get("Authorization")
	if !strings.HasPrefix(h, "Bearer ") {
		return auth.ErrPairUnknown
	}
	ctx, cancel := context.WithTimeout(c.Context(), pairPoll)
	defer cancel()
	l, err := s.cfg.Auth.Await(ctx, c.PathValue("request_id"), strings.TrimPrefix(h, "Bearer "))
	if err != nil {
		return err
	}
	return s.signedIn(c, l)
}
