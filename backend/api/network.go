package api

import (
	"errors"
	"time"

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
	var port any // where the super node met this node
	if n.Port != 0 {
		port = n.Port
	}
	nat := map[connectivity.Path]string{connectivity.Direct: "direct", connectivity.Mapped: "upnp", connectivity.Relay: "relay", connectivity.Offline: "unknown"}[n.Path]
	return map[string]any{
		"success": true, "connected": n.Path != connectivity.Offline, "superNode": super, "connectedAt": n.Since.UTC().Format("2006-01-02T15:04:05.000Z"),
		"publicEndpoint": orNull(n.URL), "relayEndpoint": orNull(n.Endpoint), "natType": nat,
		"path": n.Path, "sentence": n.Sentence, "hint": orNull(n.Hint), "way": orNull(n.Way), "publicPort": port, "trouble": orNull(n.Trouble),
	}
}

// link is link with what changes all the time, and is no event therefore.
func (s *Server) link(n connectivity.State) map[string]any {
	m := link(n)
	m["lastHeartbeat"] = nil
	if at := s.cfg.Net.LastHeard(); !at.IsZero() {
		m["lastHeartbeat"] = at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return m
}

func (s *Server) netConnectivity(c *call) error { return c.ok(s.link(s.cfg.Net.State())) }

func (s *Server) netStatus(c *call) error {
	n := s.cfg.Net.State()
	record, err := s.cfg.Net.Record(c.Context())
	if err != nil {
		return err
	}
	var held any
	if record.Name != "" {
		held = map[string]any{"username": record.Name, "superNode": record.SuperNode, "seq": record.Seq}
	}
	return c.ok(map[string]any{
		"success": true, "initialized": true, "identity": map[string]any{"nodeId": s.cfg.Node.String(), "did": s.cfg.Node.DID(), "isNew": false},
		"username": username(n), "connectivity": s.link(n),
		"domain": orNull(s.cfg.Net.Domain()), "superNodes": s.superNodes(n), "record": held, "check": checked(s.cfg.Net.LastCheck()),
	})
}

// superNodes are all that this node knows; at most one is in use.
func (s *Server) superNodes(n connectivity.State) []map[string]any {
	list := []map[string]any{}
	for _, sn := range s.cfg.Net.SuperNodes() {
		list = append(list, map[string]any{"id": sn.ID.String(), "address": sn.Relay, "gatewayUrl": sn.Gateway, "inUse": n.Path != connectivity.Offline && sn.ID == n.SuperNode})
	}
	return list
}

// checked is what a check has shown; null when there was none.
func checked(c *connectivity.Check) any {
	if c == nil {
		return nil
	}
	ms := func(known bool, d time.Duration) any {
		if !known {
			return nil
		}
		return float64(d.Microseconds()) / 1000
	}
	return map[string]any{"at": c.At.UTC().Format("2006-01-02T15:04:05.000Z"), "reached": c.Reached, "ms": ms(c.Reached, c.Took), "superNodeMs": ms(c.Super, c.Away)}
}

// netReconnect tries now what would be tried later, and tells what a visitor
// would find. Without a super node there is nothing to try.
func (s *Server) netReconnect(c *call) error {
	check, err := s.cfg.Net.Check(c.Context())
	var last any
	switch {
	case err == nil:
		last = checked(&check)
	case !errors.Is(err, connectivity.ErrOff):
		return err
	}
	return c.ok(map[string]any{"success": true, "check": last, "connectivity": link(s.cfg.Net.State())})
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

func (s *Server) netLookup(c *call) error {
	name, err := names.Parse(c.PathValue("username"))
	if err != nil {
		return err
	}
	n, err := s.cfg.Net.Lookup(c.Context(), name)
	if err != nil {
		return err
	}
	return c.ok(map[string]any{"success": true, "username": n.Name.String(), "nodeId": n.Node.String(), "did": n.Node.DID(), "endpoint": orNull(s.cfg.Net.Address(n.Name)), "seq": n.Seq, "online": n.Online})
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
