package api

import (
	"time"

	"pc2/backend/auth"
)

func (s *Server) sessions(c *call) ([]map[string]any, error) {
	list, err := s.cfg.Auth.Sessions(c.Context(), c.who)
	if err != nil {
		return nil, err
	}
	out := make([]map[string]any, len(list))
	for i, x := range list {
		out[i] = s.session(x, x.ID == c.who.Session.ID)
	}
	return out, nil
}

func (s *Server) session(x auth.Session, current bool) map[string]any {
	iso := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
	return map[string]any{
		"uuid": x.ID, "kind": x.Kind, "current": current, "label": x.Label, "parent_session_id": orNull(x.Parent),
		"created_at": iso(x.CreatedAt), "last_activity": iso(x.LastActivity), "expires_at": iso(x.ExpiresAt),
		"last_ip": x.LastIP, "last_user_agent": x.UserAgent, "created_via": x.CreatedVia, "app_uid": orNull(x.AppUID), "app": nil,
		"meta": map[string]any{"Created": iso(x.CreatedAt), "Expires": iso(x.ExpiresAt), "Type": x.Kind},
	}
}

func (s *Server) listSessions(c *call) error {
	list, err := s.sessions(c)
	if err != nil {
		return err
	}
	return c.ok(list)
}

func (s *Server) revokeSession(c *call) error {
	id, err := c.fields.text("uuid")
	if err != nil {
		return err
	}
	if id == "" {
		return missing("uuid")
	}
	if err := s.cfg.Auth.Revoke(c.Context(), c.who, id); err != nil {
		return err
	}
	list, err := s.sessions(c)
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "sessions": list})
}

func (s *Server) revokeAllSessions(c *call) error {
	current, err := c.fields.flag(false, "include_current")
	if err != nil {
		return err
	}
	apps, err := c.fields.flag(false, "include_apps")
	if err != nil {
		return err
	}
	n, err := s.cfg.Auth.RevokeAll(c.Context(), c.who, current, apps)
	if err != nil {
		return err
	}
	if current {
		c.forgetCookie()
	}
	return c.ok(map[string]any{"success": true, "revoked": n})
}

func (s *Server) loginHistory(c *call) error {
	list, err := s.cfg.Auth.LoginHistory(c.Context(), c.who.User.Wallet, 50)
	if err != nil {
		return err
	}
	out := make([]map[string]any, len(list))
	for i, l := range list {
		out[i] = map[string]any{"ip": l.IP, "user_agent": l.UserAgent, "method": l.Method, "created_at": l.At.UTC().Format(time.RFC3339)}
	}
	return c.ok(map[string]any{"success": true, "logins": out})
}

func (s *Server) profile(c *call) error {
	u := s.userInfo(c.who, "")
	return c.ok(map[string]any{
		"success": true, "display_name": u["display_name"],
		"profile": map[string]any{"wallet_address": u["wallet_address"], "display_name": u["display_name"], "profile_picture_url": nil, "role": u["role"]},
	})
}

func (s *Server) setProfile(c *call) error {
	if !c.fields.has("display_name") {
		return missing("display_name")
	}
	name, err := c.fields.text("display_name")
	if err != nil {
		return err
	}
	if name, err = s.cfg.Auth.SetDisplayName(c.Context(), c.who, name); err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "display_name": name})
}
