package gateway

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"pc2/backend/boson"
)

// What is kept of nodes that nobody asks for any more is bounded.
func TestPeersAreForgotten(t *testing.T) {
	n := newNodes(newRoads(&relay{}, nil, time.Now, usual))
	busy := &dialing{}
	for i := range maxPeers + 500 {
		var k peerKey
		binary.BigEndian.PutUint32(k.node[:], uint32(i))
		p := n.peer(k)
		if i == 7 {
			p.dialing = busy
		}
	}
	if len(n.peers) > maxPeers {
		t.Errorf("%d peers", len(n.peers))
	}
	var seventh boson.ID
	binary.BigEndian.PutUint32(seventh[:], 7)
	if p := n.peers[peerKey{node: seventh}]; p == nil || p.dialing != busy {
		t.Error("a peer that is being dialled was forgotten")
	}
}

// Which requests may be sent twice.
func TestOnce(t *testing.T) {
	for name, c := range map[string]struct {
		method, body  string
		headers, read bool
		want          bool
	}{
		"GET":                        {"GET", "", true, false, true},
		"HEAD, nothing sent":         {"HEAD", "", false, false, true},
		"DELETE, nothing sent":       {"DELETE", "", false, false, true},
		"DELETE, sent":               {"DELETE", "", true, false, false},
		"POST, nothing sent":         {"POST", "x", false, false, true},
		"POST, sent":                 {"POST", "x", true, false, false},
		"POST, its body read":        {"POST", "x", false, true, false},
		"GET with a body, sent":      {"GET", "x", true, false, false},
		"GET with a body, body read": {"GET", "x", false, true, false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://a/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.body != "" {
			r.Body = io.NopCloser(strings.NewReader(c.body))
		}
		o := &once{}
		out := o.request(r)
		o.headers.Store(c.headers)
		if c.read {
			out.Body.Read(make([]byte, 1))
		}
		if got := o.again(r); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if c.body == "" {
			continue
		}
		// The try that failed reads nothing any more; the next one all of it.
		if _, err := out.Body.Read(make([]byte, 1)); c.want && !errors.Is(err, errTriedAgain) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := io.ReadAll(o.request(r).Body); c.want && (string(b) != c.body || err != nil) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
