package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	engine "github.com/zishang520/socket.io/parsers/engine/v3/parser"
	socket "github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"pc2/backend/auth"
	"pc2/backend/event"
	"pc2/backend/files"
	"pc2/backend/wallet"
)

// What a room remembers, for how long, and what it admits not to know.
func TestLiveMemory(t *testing.T) {
	h := newHub(event.New(), 1_700_000_000_000, usualTimes())
	w, err := wallet.Parse("0x00000000000000000000000000000000000000aa")
	if err != nil {
		t.Fatal(err)
	}
	other, err := wallet.Parse("0x00000000000000000000000000000000000000bb")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	change := func(n int) {
		for range n {
			h.changed(files.Changed{Owner: w, Op: files.Updated}, now)
		}
	}
	want := func(id uint64, missed int, ok bool) {
		t.Helper()
		h.room(w).forget(now.Add(-h.times.remember))
		m, known := h.room(w).after(id)
		if known != ok || len(m) != missed {
			t.Fatalf("after %d: %d events, %v; want %d, %v", id-h.base, len(m), known, missed, ok)
		}
		for i, x := range m {
			if x.id != id+uint64(i)+1 {
				t.Fatalf("event %d is %d", i, x.id-h.base)
			}
		}
	}
	base := h.base
	want(base, 0, true)
	want(base-1, 0, false)
	want(base+1, 0, false)
	change(3) // nobody was ever there
	want(base, 0, false)
	want(base+3, 0, true)
	h.room(w).left = now // somebody was
	change(3)
	want(base+3, 3, true)
	want(base+5, 1, true)
	want(base+6, 0, true)
	want(base+7, 0, false)
	now = now.Add(4 * time.Minute)
	change(2)
	want(base+3, 5, true)
	now = now.Add(2 * time.Minute) // the first three are six minutes old
	want(base+3, 0, false)
	want(base+6, 2, true)
	change(1) // six minutes after the last page left, nothing is kept
	want(base+6, 0, false)
	want(base+9, 0, true)
	h.room(w).left = now
	change(maxRecent + 5)
	want(base+9+4, 0, false)
	want(base+9+5, maxRecent, true)
	if len(h.room(other).recent) != 0 || h.room(other).last != h.base {
		t.Error("another user's room has something")
	}
	last := h.room(w).last
	h.lost(now)
	want(last, 0, false)
	want(last+1, 0, true)
	for i := range 100 {
		h.end(auth.SessionEnded{SessionID: "s"}, now.Add(time.Duration(i)*time.Second))
	}
	if len(h.gone) != 61 {
		t.Errorf("%d ends are remembered", len(h.gone))
	}
}

// The event is the entry as it is answered elsewhere, and valid whatever its name.
func TestLiveFrames(t *testing.T) {
	for op, name := range itemEvents {
		e := files.Entry{Name: "a\"b\\<\u2028\x01\u00fc\U0001f600", UID: "u"}
		f := itemFrame(files.Changed{Op: op, Entry: e, Origin: `"];`, DescendantsOnly: true}, 7)
		var got []json.RawMessage
		if err := json.Unmarshal([]byte(f.text[1:]), &got); err != nil || f.text[0] != '2' || len(got) != 2 || string(got[0]) != `"`+name+`"` {
			t.Fatalf("%s: %v %s", op, err, f.text)
		}
		var m map[string]any
		if err := json.Unmarshal(got[1], &m); err != nil || m["uid"] != "u" || m["event_id"] != 7.0 || m["original_client_socket_id"] != `"];` {
			t.Fatalf("%s: %v %s", op, err, got[1])
		}
		if op != files.Removed && m["name"] != e.Name {
			t.Errorf("%s: name %q", op, m["name"])
		}
		if string(f.ws.Bytes()) != "4"+f.text {
			t.Errorf("%s: over WebSocket %s", op, f.ws.Bytes())
		}
	}
}

// What a stranger sends goes to the library's decoders, and over WebSocket their
// panic would be the node's end: nobody recovers there.
func FuzzLivePackets(f *testing.F) {
	for _, s := range []string{
		"", "0", "2probe", "5", "6", "b", "bAQ==", "40", "40{}", `40{"auth_token":"x"}`, `42["ping"]`, `42["a",{"b":[1,null]}]`, "41", "44", "451-", `451-["a",{"_placeholder":true,"num":0}]`,
		"450-[\"a\"]", "46", "40/x,", "4/", "42[1e999]", "4:", "1:2", "2:40", "0:", "99999999999999999999:4", "-1:4", "3:4ü", "\x00\x04\xff4abc", "\x01\x02\xff\x04a", "\x01\xff", "a\x1eb\x1e", "42" + strings.Repeat("[", 20_000),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range []engine.Parser{engine.Parserv3(), engine.Parserv4()} {
			for _, buffer := range []func() types.BufferInterface{
				func() types.BufferInterface { return types.NewStringBuffer(append([]byte(nil), b...)) },
				func() types.BufferInterface { return types.NewBytesBuffer(append([]byte(nil), b...)) },
			} {
				if x, _ := p.DecodePacket(buffer()); x == nil || x.Data == nil { // its listeners read Data
					t.Fatal("no packet")
				}
				_, _ = p.DecodePayload(buffer())
			}
		}
		d := socket.NewDecoder()
		_ = d.On("decoded", func(args ...any) {
			x := args[0].(*socket.Packet)
			given, _ := x.Data.(map[string]any)
			if id := lastEvent(given); id != nil && given["last_event_id"] == nil {
				t.Error("an id out of nothing")
			}
			tokenIn(given)
		})
		_ = d.Add(string(b))
		_ = d.Add(append([]byte(nil), b...))
	})
}
