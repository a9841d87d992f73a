package names

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pc2/backend/fault"
)

func TestReach(t *testing.T) {
	s := newScene(t)
	s.apply(s.claim(key(1), "alice", Register), "")
	s.apply(s.claim(key(2), "bob", Register), "")
	s.now = s.now.Add(time.Second)
	s.apply(s.claim(key(2), "bob", Release), "")
	self := s.claim(key(1), "alice", Register)
	c, err := ParseClaim(self)
	if err != nil {
		t.Fatal(err)
	}
	super := c.SuperNode
	wish := func(n byte, change func(*Reach)) []byte {
		t.Helper()
		r := Reach{SuperNode: super, Port: 41000, Time: s.now}
		change(&r)
		b, err := SignReach(key(n), r)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	edit := func(field string, v any) []byte {
		t.Helper()
		var m map[string]any
		if err := json.Unmarshal(wish(1, func(*Reach) {}), &m); err != nil {
			t.Fatal(err)
		}
		m[field] = v
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for what, c := range map[string]struct {
		body []byte
		code string
	}{
		"good":                {wish(1, func(*Reach) {}), ""},
		"the largest port":    {wish(1, func(r *Reach) { r.Port = 65535 }), ""},
		"a service's port":    {wish(1, func(r *Reach) { r.Port = 1023 }), "field_invalid"},
		"old":                 {wish(1, func(r *Reach) { r.Time = s.now.Add(-maxSkew - time.Second) }), "clock_skew"},
		"of the future":       {wish(1, func(r *Reach) { r.Time = s.now.Add(maxSkew + time.Second) }), "clock_skew"},
		"another super node":  {wish(1, func(r *Reach) { r.SuperNode = key(9).ID() }), "signature_invalid"},
		"a nameless node":     {wish(3, func(*Reach) {}), "not_registered"},
		"a name given up":     {wish(2, func(*Reach) {}), "not_registered"},
		"a port changed":      {edit("port", 41001), "signature_invalid"},
		"a port too large":    {edit("port", 65536+41000), "field_invalid"},
		"a port as text":      {edit("port", "41000"), "field_invalid"},
		"a fraction of one":   {edit("port", 41000.5), "field_invalid"},
		"a claim's operation": {edit("op", "register"), "field_invalid"},
		"another's key":       {edit("nodeId", key(2).ID()), "signature_invalid"},
		"no signature":        {edit("signature", ""), "signature_invalid"},
		"one field more":      {edit("host", "192.168.1.1"), "signature_invalid"},
		"a claim":             {self, "field_invalid"},
		"no object":           {[]byte(`[]`), "client_bad_json"},
		"twice the port":      {[]byte(strings.Replace(string(wish(1, func(*Reach) {})), `"port":`, `"port":41001,"port":`, 1)), "client_bad_json"},
		"nothing":             {nil, "client_bad_json"},
		"too much":            {[]byte(strings.Repeat(" ", maxClaim) + "{}"), "too_large"},
	} {
		got, err := s.Reach(t.Context(), c.body)
		if code := fault.CodeOf(err); (err == nil) != (c.code == "") || err != nil && code != c.code {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil && (got.Node != key(1).ID() || got.Port < 41000) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	s.now = s.now.Add(freeAfter + time.Hour)
	if _, err := s.Reach(t.Context(), wish(1, func(*Reach) {})); fault.CodeOf(err) != "not_registered" {
		t.Fatal("a name that has run out:", err)
	}
}

func FuzzReach(f *testing.F) {
	b, err := SignReach(key(1), Reach{SuperNode: key(3).ID(), Port: 41000, Time: time.UnixMilli(7)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"op":"reach","port":1e4}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReach(b)
		if err == nil && (r.Node.IsZero() || r.Port < minPort) {
			t.Fatalf("%+v", r)
		}
	})
}
