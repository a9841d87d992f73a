package api

import (
	"slices"
	"strings"
	"testing"
)

// A further browser gets in by a code, after a question to the page that made it.
func TestPairStory(t *testing.T) {
	h := start(t, func(c *Config) { c.Limits = map[string]int{"auth": 0, "gate": 0} })
	o := h.owner()
	asked := o.line(t, nil)
	second := h.visitor()
	second.key = o.key
	second.token = second.login(o.key, nil).want(200).text("token")
	bystander := second.line(t, nil)

	offer := o.post("/auth/pair", map[string]any{}).want(200)
	if offer.text("url") != h.url+"/#pair="+offer.text("code") || offer.object()["expires_in"] != float64(300) {
		t.Fatal(string(offer.body))
	}
	phone := h.visitor().page()
	phone.post("/auth/pair/redeem", map[string]any{"code": "0000000000"}).want(401, "pair_unknown")
	phone.post("/auth/pair/redeem", map[string]any{}).want(400, "field_missing")
	r := phone.post("/auth/pair/redeem", map[string]any{"code": offer.text("code"), "device_name": "Chrome on Android"}).want(200)
	id := r.text("request_id")
	q := asked.next("pair.requested").object(t)
	choices := q["choices"].([]any)
	if q["request_id"] != id || q["device_name"] != "Chrome on Android" || len(choices) != 3 || !slices.Contains(choices, any(r.text("confirm"))) {
		t.Fatal(q)
	}
	path := "/auth/pair/" + id
	phone.get(path).want(401, "pair_unknown")
	phone.get(path, with("Authorization", "Bearer "+strings.Repeat("0", 64))).want(401, "pair_unknown")
	second.post(path+"/allow", map[string]any{"confirm": r.text("confirm")}).want(404, "not_found")
	phone.post(path+"/allow", map[string]any{"confirm": r.text("confirm")}).want(401, "token_missing")
	o.post(path+"/allow", map[string]any{}).want(400, "field_missing")
	o.post(path+"/allow", map[string]any{"confirm": r.text("confirm")}).want(200)
	in := phone.get(path, with("Authorization", "Bearer "+r.text("secret"))).want(200)
	if in.object()["user"].(map[string]any)["wallet_address"] != o.key.address().String() {
		t.Fatal(string(in.body))
	}
	if phone.get("/whoami").want(200).text("username") != o.key.address().String() {
		t.Fatal("the phone has no cookie")
	}
	phone.get(path, with("Authorization", "Bearer "+r.text("secret"))).want(410, "pair_expired")
	if bystander.count("pair.requested") != 0 {
		t.Error("another session was asked")
	}

	// Over plain http, and not on this PC, a browser does not say where its GET comes from.
	lan := h.visitor()
	code := o.post("/auth/pair", map[string]any{}).want(200).text("code")
	r = lan.post("/auth/pair/redeem", map[string]any{"code": code}, with("Origin", h.url)).want(200)
	o.post("/auth/pair/"+r.text("request_id")+"/allow", map[string]any{"confirm": r.text("confirm")}).want(200)
	lan.get("/auth/pair/"+r.text("request_id"), with("Authorization", "Bearer "+r.text("secret"))).want(200)
	if lan.get("/whoami").want(200).text("username") != o.key.address().String() {
		t.Fatal("no cookie over plain http")
	}

	code = o.post("/auth/pair", map[string]any{}).want(200).text("code")
	r = phone.post("/auth/pair/redeem", map[string]any{"code": code}).want(200)
	o.post("/auth/pair/"+r.text("request_id")+"/deny", map[string]any{}).want(200)
	phone.get("/auth/pair/"+r.text("request_id"), with("Authorization", "Bearer "+r.text("secret"))).want(403, "pair_denied")
}
