package connectivity_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pc2/backend/connectivity"
	"pc2/backend/fault"
	"pc2/backend/names"
)

// Who has a name is believed by that node's signed claim alone, whatever the super node says.
func TestLookup(t *testing.T) {
	self := key(70).ID()
	claim := func(op names.Op, name string, super byte) string {
		n, err := names.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := names.Sign(key(71), names.Claim{Op: op, Name: n, Device: key(72).ID(), SuperNode: key(super).ID(), Seq: 5, Time: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return `{"username":"bob","nodeId":"x","online":true,"claim":` + string(c.JSON()) + `}`
	}
	good := claim(names.Register, "bob", 70)
	for what, c := range map[string]struct {
		status int
		body   string
		kind   fault.Kind // Unknown: it is found
	}{
		"found":                 {200, good, fault.Unknown},
		"nobody":                {404, `{"code":"not_found","message":"Nobody has this name."}`, fault.NotFound},
		"no such route":         {404, "404 page not found", fault.Unavailable},
		"another name":          {200, claim(names.Register, "rob", 70), fault.Unavailable},
		"another super node's":  {200, claim(names.Register, "bob", 73), fault.Unavailable},
		"given up":              {200, claim(names.Release, "bob", 70), fault.Unavailable},
		"changed on the way":    {200, strings.Replace(good, `"seq":5`, `"seq":6`, 1), fault.Unavailable},
		"no claim":              {200, `{"username":"bob","online":true}`, fault.Unavailable},
		"no JSON":               {200, "<html>", fault.Unavailable},
		"larger than any claim": {200, strings.Repeat(" ", 1<<20) + good, fault.Unavailable},
		"an error":              {500, good, fault.Unavailable},
	} {
		t.Run(what, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/lookup/bob" {
					t.Error("asked for", r.URL)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			t.Cleanup(srv.Close)
			l := connectivity.New(connectivity.Config{Key: key(74), DB: database(t), SuperNodes: []connectivity.SuperNode{{ID: self, Peer: self, Relay: "127.0.0.1:1", Gateway: srv.URL}}})
			bob, err := names.Parse("Bob")
			if err != nil {
				t.Fatal(err)
			}
			n, err := l.Lookup(t.Context(), bob)
			if got := fault.KindOf(err); got != c.kind || c.kind == fault.Unknown && err != nil {
				t.Fatal(got, err)
			}
			if c.kind == fault.NotFound && !errors.Is(err, names.ErrNotFound) {
				t.Error(err)
			}
			if err == nil && (n.Node != key(71).ID() || n.Name != bob || n.Seq != 5 || !n.Online) {
				t.Errorf("%+v", n)
			}
		})
	}
}
