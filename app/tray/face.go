package tray

import (
	"strings"

	"pc2/app/host"
)

// Face is what the tray shows for a state.
type Face struct {
	Icon    string // of package icon
	Tooltip string
	Line    string // first line of the menu
	Toggle  string // "Start" or "Stop"
	Open    bool   // the page can be opened in the browser
	Address bool   // there is an address to copy and show
}

// faceOf is the face of a state.
func faceOf(s host.State) Face {
	line := strings.TrimSuffix(s.Sentence, ".")
	f := Face{Icon: string(s.Kind), Line: clip(line, 90), Toggle: "Stop", Open: s.Running(), Address: s.Running() && s.Address != ""}
	f.Tooltip = line
	if !strings.HasPrefix(line, "PC2") {
		f.Tooltip = "PC2: " + line
	}
	f.Tooltip = clip(f.Tooltip, 120) // Windows cuts at 127
	if s.Kind == host.Stopped || s.Kind == host.Trouble && !s.Running() {
		f.Toggle = "Start"
	}
	return f
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
