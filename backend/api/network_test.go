package api

import (
	"testing"

	"pc2/backend/auth"
	"pc2/backend/connectivity"
	"pc2/backend/event"
)

// Without a super node the node says so, in every place that is asked.
func TestNetworkRoutes(t *testing.T) {
	h := start(t)
	o := h.owner()
	m := h.member(o, auth.Member)
	page := o.line(t, nil)
	if got := o.get("/api/boson/connectivity").want(200).object(); got["connected"] != false || got["path"] != "offline" || got["natType"] != "unknown" || got["superNode"] != nil {
		t.Error(got)
	}
	if got := m.get("/api/boson/status").want(200).object(); got["identity"].(map[string]any)["did"] != "did:boson:"+h.api.cfg.Node.String() {
		t.Error(got)
	}
	if got := o.get("/api/boson/username").want(200).object(); got["registered"] != false || got["username"] != nil {
		t.Error(got)
	}
	o.get("/api/boson/identity").want(200)
	m.post("/api/boson/register", map[string]any{"username": "alice"}).want(403, "forbidden")
	m.post("/api/boson/reconnect", map[string]any{}).want(403, "forbidden")
	o.post("/api/boson/register", map[string]any{"username": "a_b"}).want(400, "name_invalid")
	o.post("/api/boson/register", map[string]any{}).want(400, "field_missing")
	o.post("/api/boson/register", map[string]any{"username": "alice"}).want(503, "service_unavailable")
	if got := o.post("/api/boson/reconnect", map[string]any{}).want(200).object(); got["check"] != nil || got["connectivity"].(map[string]any)["path"] != "offline" {
		t.Error(got)
	}
	if got := m.get("/api/boson/status").want(200).object(); len(got["superNodes"].([]any)) != 0 || got["record"] != nil || got["check"] != nil || got["domain"] != nil {
		t.Error(got)
	}
	if got := o.get("/api/setup/status").want(200).object(); got["hasUsername"] != false || got["canHaveUsername"] != false {
		t.Error(got)
	}
	if o.post("/api/boson/validate-username", map[string]any{"username": "Alice"}).want(200).object()["valid"] != true {
		t.Error("a good name")
	}
	if o.post("/api/boson/validate-username", map[string]any{"username": "admin"}).want(200).object()["valid"] != false {
		t.Error("a reserved name")
	}
	if got := o.get("/api/boson/check-available/admin").want(200).object(); got["available"] != false || got["error"] == nil {
		t.Error(got)
	}
	o.get("/api/boson/check-available/alice").want(503, "service_unavailable")
	o.get("/api/boson/lookup/alice").want(503, "service_unavailable")
	o.get("/api/boson/lookup/a_b").want(400, "name_invalid")

	event.Publish(h.bus, connectivity.Changed{State: connectivity.State{Path: connectivity.Relay, Name: "alice", URL: "http://alice.localhost:1", Relay: "127.0.0.1:2"}})
	if got := page.next("boson.status").object(t)["connectivity"].(map[string]any); got["connected"] != true || got["publicEndpoint"] != "http://alice.localhost:1" {
		t.Error(got)
	}
}
