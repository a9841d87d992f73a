package tray

import (
	"errors"
	"strings"
	"testing"

	"pc2/app/host"
)

func TestFace(t *testing.T) {
	const url, address = "http://127.0.0.1:4200", "https://alice.example"
	for name, c := range map[string]struct {
		state host.State
		want  Face
	}{
		"relay":    {host.State{Kind: host.Relay, Sentence: "Reachable through relay r:1.", URL: url, Address: address}, Face{"relay", "PC2: Reachable through relay r:1", "Reachable through relay r:1", "Stop", true, true}},
		"nameless": {host.State{Kind: host.Local, Sentence: "Only on this PC: it has no name yet.", URL: url}, Face{"local", "PC2: Only on this PC: it has no name yet", "Only on this PC: it has no name yet", "Stop", true, false}},
		"starting": {host.State{Kind: host.Starting, Sentence: "PC2 is starting…"}, Face{"starting", "PC2 is starting…", "PC2 is starting…", "Stop", false, false}},
		"stopped":  {host.State{Kind: host.Stopped, Sentence: "PC2 is stopped."}, Face{"stopped", "PC2 is stopped", "PC2 is stopped", "Start", false, false}},
		"ended":    {host.State{Kind: host.Trouble, Sentence: "PC2 ended by itself.", Err: errors.New("x")}, Face{"trouble", "PC2 ended by itself", "PC2 ended by itself", "Start", false, false}},
		"sick":     {host.State{Kind: host.Trouble, Sentence: "It cannot store.", URL: url, Address: address}, Face{"trouble", "PC2: It cannot store", "It cannot store", "Stop", true, true}},
	} {
		if got := faceOf(c.state); got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
	long := faceOf(host.State{Kind: host.Local, Sentence: strings.Repeat("ä", 500)})
	if len([]rune(long.Tooltip)) != 120 || len([]rune(long.Line)) != 90 {
		t.Error(len([]rune(long.Tooltip)), len([]rune(long.Line)))
	}
}
