package api

import (
	"net/http"
	"strconv"
	"time"

	"pc2/backend/auth"
	"pc2/backend/wallet"
)

// addressFields are the names under which clients send a wallet, first wins.
var addressFields = []string{"wallet_address", "address", "walletAddress", "eoaAddress"}

// address reads a wallet address, nil when none is named.
func (c *call) address(names ...string) (*wallet.Address, error) {
	for _, n := range names {
		t, err := c.fields.text(n)
		if err != nil {
			return nil, err
		}
		if t == "" {
			continue
		}
		a, err := wallet.Parse(t)
		if err != nil {
			return nil, err
		}
		return &a, nil
	}
	return nil, nil
}

// login addresses are answered in the form that wallets' clients know.
func (c *call) loginAddress() (*wallet.Address, error) {
	a, err := c.address(addressFields...)
	if a != nil && err == nil {
		return a, nil
	}
	received := []string{}
	for name := range c.fields.body {
		if len(received) < 32 {
			received = append(received, name)
		}
	}
	return nil, auth.ErrAddress.With("received", received).Because(err)
}

func (s *Server) challenge(c *call) error {
	a, err := c.loginAddress()
	if err != nil {
		return err
	}
	smart, err := c.address("smartAccountAddress", "smart_account_address")
	if err != nil {
		return err
	}
	chain, err := c.fields.number(1, "chainId")
	if err != nil {
		return err
	}
	purpose, err := c.fields.text("purpose")
	if err != nil {
		return err
	}
	ch, err := s.cfg.Auth.Challenge(c.Context(), auth.ChallengeRequest{Address: a, SmartAccount: smart, ChainID: chain, Host: c.Host, Origin: c.origin, IP: c.ip, Purpose: purpose})
	if err != nil {
		return err
	}
	return c.ok(map[string]any{
		"success": true, "nonce": ch.Nonce, "message": ch.Message, "issuedAt": rfc3339(ch.IssuedAt), "expiresAt": rfc3339(ch.ExpiresAt),
		"expires_in": int(ch.ExpiresAt.Sub(ch.IssuedAt).Seconds()),
	})
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (s *Server) login(c *call) error {
	req := auth.LoginRequest{Host: c.Host, IP: c.ip, UserAgent: c.UserAgent()}
	var err error
	if req.Address, err = c.loginAddress(); err != nil {
		return err
	}
	if req.SmartAccount, err = c.address("smartAccountAddress", "smart_account_address"); err != nil {
		return err
	}
	for _, f := range []struct {
		to    *string
		names []string
	}{
		{&req.Message, []string{"message"}}, {&req.Signature, []string{"signature"}}, {&req.Nonce, []string{"nonce"}},
		{&req.ClaimCode, []string{"claim_code"}}, {&req.DeviceName, []string{"device_name"}}, {&req.EmailHint, []string{"particleEmail", "email"}},
	} {
		if *f.to, err = c.fields.text(f.names...); err != nil {
			return err
		}
	}
	// A wrong signature is counted for the wallet too, whatever address it comes from.
	if err := s.limits.take(c, "auth", req.Address.String()); err != nil {
		return err
	}
	l, err := s.cfg.Auth.Login(c.Context(), req)
	if err != nil {
		return err
	}
	return s.signedIn(c, l)
}

// signedIn answers a login: home, cookie for the node's own page, token.
func (s *Server) signedIn(c *call, l auth.Login) error {
	if err := s.cfg.Files.EnsureHome(c.Context(), l.User.Wallet); err != nil {
		return err
	}
	// routes.go let no other page in. Over plain http a page's own GET says nothing of where it comes
	// from; the one that gets here showed its secret, in a header that no foreign page can send.
	if c.Header.Get("Origin") != "" || c.Header.Get("Sec-Fetch-Site") == "same-origin" || c.Method == http.MethodGet {
		c.setCookie(l.Token, int(time.Until(l.Session.ExpiresAt).Seconds()))
	}
	return c.ok(map[string]any{"success": true, "token": l.Token.Reveal(), "expires_at": rfc3339(l.Session.ExpiresAt), "user": s.userInfo(l.Principal, l.Token.Reveal())})
}

// userInfo is a user as clients of the API know one.
func (s *Server) userInfo(p auth.Principal, token string) map[string]any {
	kind := "wallet"
	var smart any
	if p.User.SmartAccount != nil {
		kind, smart = "universalx", p.User.SmartAccount.String()
	}
	display := p.User.DisplayName
	if display == "" {
		display = shortAddress(p.User.Wallet)
	}
	return map[string]any{
		"id": p.User.ID, "uuid": p.User.UUID, "username": p.User.Wallet.String(), "wallet_address": p.User.Wallet.String(), "smart_account_address": smart,
		"email": orNull(p.User.EmailHint), "email_confirmed": true, "is_temp": false, "taskbar_items": []any{},
		"desktop_bg_url": nil, "desktop_bg_color": nil, "desktop_bg_fit": "cover", "profile_picture_url": nil,
		"display_name": display, "token": token, "auth_type": kind, "role": p.Role, "is_owner": p.Role == auth.Owner,
	}
}

func shortAddress(a wallet.Address) string {
	s := a.Checksum()
	return s[:6] + "…" + s[len(s)-4:]
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (s *Server) whoami(c *call) error {
	if c.who.Session.ID == "" {
		if s.cfg.StrictWhoami {
			return auth.ErrTokenMissing
		}
		return c.ok(map[string]any{"username": nil, "address": nil, "is_owner": false, "node_name": s.cfg.NodeName})
	}
	folders, err := c.directories()
	if err != nil {
		return err
	}
	u := s.userInfo(c.who, c.token)
	for k, v := range map[string]any{
		"unconfirmed_email": nil, "requires_email_confirmation": false, "is_user_token": true, "otp": false, "feature_flags": map[string]any{},
		"created_ts": c.who.User.CreatedAt.Unix(), "last_activity_ts": c.who.Session.LastActivity.Unix(),
		"human_readable_age": humanAge(time.Since(c.who.User.CreatedAt)), "directories": folders,
		"hasDevAccountAccess": false, "referral_code": nil, "node_name": s.cfg.NodeName,
	} {
		u[k] = v
	}
	return c.ok(u)
}

func humanAge(d time.Duration) string {
	switch days := int(d.Hours() / 24); {
	case days < 1:
		return "today"
	case days == 1:
		return "1 day"
	default:
		return strconv.Itoa(days) + " days"
	}
}

func (s *Server) logout(c *call) error {
	if err := s.cfg.Auth.Logout(c.Context(), c.who); err != nil {
		return err
	}
	c.forgetCookie()
	if c.URL.Path == "/logout" {
		return c.bytes(http.StatusOK, "text/plain; charset=utf-8", []byte("logged out"))
	}
	return c.ok(map[string]any{"success": true})
}

// syncCookie gives a page that holds a bearer the cookie of the same session.
func (s *Server) syncCookie(c *call) error {
	if t, ok := auth.ParseToken(c.token); ok {
		c.setCookie(t, int(time.Until(c.who.Session.ExpiresAt).Seconds()))
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
