package api

import (
	"pc2/backend/connectivity"
	"pc2/backend/fault"
	"pc2/backend/names"
)

func (s *Server) netIdentity(c *call) error {
	id := s.cfg.Node
	return c.ok(map[string]any{"success": true, "nodeId": id.String(), "did": id.DID(), "publicKey": id.String()})
}

func (s *Server) netUsername(c *call) error { return c.ok(username(s.cfg.Net.State())) }

func username(n connectivity.State) map[string]any {
	return map[string]any{"success": true, "registered": n.Name != "", "username": orNull(n.Name), "publicUrl": orNull(n.URL)}
}

// link is how the node is reached, in the words of the API and of people.
func link(n connectivity.State) map[string]any {
	var super any
	if !n.SuperNode.IsZero() {
		super = map[string]any{"id": n.SuperNode.String(), "address": n.Relay, "gatewayUrl": n.Gateway}
	}
	nat := map[connectivity.Path]string{connectivity.Relay: "relay"}[n.Path]
	if nat == "" {
		nat = "unknown"
	}
	return map[string]any{
		"success": true, "connected": n.Path != connectivity.Offline, "superNode": super, "connectedAt": n.Since.UTC().Format("2006-01-02T15:04:05.000Z"),
		"publicEndpoint": orNull(n.URL), "natType": nat, "path": n.Path, "sentence": n.Sentence, "trouble": orNull(n.Trouble),
	}
}

func (s *Server) netConnectivity(c *call) error { return c.ok(link(s.cfg.Net.State())) }

func (s *Server) netStatus(c *call) error {
	n := s.cfg.Net.State()
	return c.ok(map[string]any{
		"success": true, "initialized": true, "identity": map[string]any{"nodeId": s.cfg.Node.String(), "did": s.cfg.Node.DID(), "isNew": false},
		"username": username(n), "connectivity": link(n),
	})
}

func (s *Server) netReconnect(c *call) error {
	s.cfg.Net.Reconnect()
	return c.ok(map[string]any{"success": true})
}

func (c *call) username() (names.Name, error) {
	t, err := c.fields.text("username")
	if err != nil {
		return names.Name{}, err
	}
	if t == "" {
		return names.Name{}, missing("username")
	}
	return names.Parse(t)
}

func (s *Server) netValidate(c *call) error {
	_, err := c.username()
	if f := fault.As(err); f != nil && f.Code == names.ErrName.Code {
		return c.ok(map[string]any{"success": true, "valid": false, "error": f.Msg})
	}
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "valid": true})
}

func (s *Server) netAvailable(c *call) error {
	asked := c.PathValue("username")
	name, err := names.Parse(asked)
	if f := fault.As(err); f != nil {
		return c.ok(map[string]any{"success": true, "available": false, "username": asked, "error": f.Msg})
	}
	if name.String() == s.cfg.Net.State().Name {
		return c.ok(map[string]any{"success": true, "available": true, "username": name.String(), "own": true})
	}
	free, err := s.cfg.Net.Available(c.Context(), name)
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "available": free, "username": name.String()})
}

func (s *Server) netRegister(c *call) error {
	name, err := c.username()
	if err != nil {
		return err
	}
	n, err := s.cfg.Net.Register(c.Context(), name)
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "username": n.Name, "publicUrl": n.URL})
}
