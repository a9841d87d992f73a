package connectivity_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"pc2/backend/connectivity"
	"pc2/backend/event"
	"pc2/backend/names"
	"pc2/backend/store"
)

// A super node that lies keeps the node from nothing but itself: what it says of
// seqs and addresses is believed as far as it can be true, its redirects are not
// followed, and the next super node serves the name.
func TestLyingSuperNode(t *testing.T) {
	stale := func(seq int64) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, `{"code":"seq_stale","message":"no","seq":%d}`, seq)
		}
	}
	address := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"success":true,"url":%q}`, s) }
	}
	for name, lie := range map[string]http.HandlerFunc{
		"the largest seq":    stale(1<<53 - 1),
		"a seq too large":    stale(1<<63 - 1),
		"next year's seq":    stale(time.Now().AddDate(1, 0, 0).UnixMilli()),
		"yesterday's seq":    stale(time.Now().AddDate(0, 0, -1).UnixMilli()),
		"no seq":             stale(0),
		"another's address":  address("http://alice.elsewhere"),
		"another name":       address("http://bob.test"),
		"a name in front":    address("http://alice.test@elsewhere/"),
		"another scheme":     address("https://alice.test"),
		"a script":           address("javascript:alert(1)"),
		"a path":             address("http://alice.test/x"),
		"no JSON":            func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"a code of its own":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); io.WriteString(w, `{"code":"x y"}`) },
		"an endless answer":  func(w http.ResponseWriter, _ *http.Request) { pour(w) },
		"the wrong redirect": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			honest := newSuper(t, 31)
			if lie == nil {
				lie = func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, honest.url+"/api/register", http.StatusTemporaryRedirect)
				}
			}
			var mu sync.Mutex
			var got [][]byte
			liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				if err == nil && r.URL.Path == "/api/register" {
					mu.Lock()
					got = append(got, b)
					mu.Unlock()
				}
				lie(w, r)
			}))
			t.Cleanup(liar.Close)
			bus := event.New()
			changes := event.Subscribe[connectivity.Changed](bus, 1000)
			defer changes.Close()
			self := key(30).ID()
			l, stop := climb(t, connectivity.Config{
				Key: key(60), Want: "alice", Scheme: "http", Domain: "test", DB: database(t), Bus: bus,
				SuperNodes: []connectivity.SuperNode{{ID: self, Peer: self, Relay: "127.0.0.1:1", Gateway: liar.URL}, honest.config()},
			})
			until(t, "reachable through the honest one", func() bool {
				l.Reconnect() // without the pauses
				s := l.State()
				return s.Path == connectivity.Relay && s.SuperNode == honest.id && s.URL == "http://alice.test"
			})
			stop()
			for len(changes.C()) > 0 {
				if s := <-changes.C(); s.URL != "" && s.URL != "http://alice.test" {
					t.Errorf("its address was %s", s.URL)
				}
			}
			// What it got is for itself, and good for nothing elsewhere.
			mu.Lock()
			defer mu.Unlock()
			if len(got) == 0 {
				t.Fatal("the liar was not asked")
			}
			for _, b := range got {
				c, err := names.ParseClaim(b)
				if err != nil {
					t.Fatal(err)
				}
				if c.SuperNode != self || c.Device == key(60).ID() || c.Device != key(60).RelayDevice(self).ID() || c.Seq > time.Now().Add(6*time.Minute).UnixMilli() {
					t.Errorf("%+v", c)
				}
				if _, err := honest.registry.Apply(t.Context(), b, netAddr(&http.Request{RemoteAddr: "127.0.0.1:1"})); err == nil {
					t.Error("a claim holds at another super node")
				}
			}
			if !slices.IsSortedFunc(got, func(a, b []byte) int { return int(seq(t, a) - seq(t, b)) }) {
				t.Error("seqs that do not rise")
			}
		})
	}
}

func seq(t *testing.T, claim []byte) int64 {
	c, err := names.ParseClaim(claim)
	if err != nil {
		t.Fatal(err)
	}
	return c.Seq
}

func pour(w io.Writer) {
	for range 1000 {
		if _, err := w.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
}

// A clock that was wrong once, and claims that went out under it, lock no node out.
func TestClockThatWasWrong(t *testing.T) {
	s, db := newSuper(t, 32), database(t)
	held := fmt.Sprintf(`{"name":"alice","seq":%d}`, time.Now().AddDate(3, 0, 0).UnixMilli())
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO settings (key, value, updated_at) VALUES ('name', ?, 1)", held)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	l, _ := climb(t, connectivity.Config{Key: key(61), SuperNodes: []connectivity.SuperNode{s.config()}, Want: "alice", DB: db})
	until(t, "reachable", func() bool { return l.State().Path == connectivity.Relay })
}
