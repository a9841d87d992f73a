package host

import (
	"errors"
	"strings"

	"pc2/backend/connectivity"
	"pc2/backend/fault"
)

// Kind is what people need to know first.
type Kind string

const (
	Starting Kind = "starting" // until it is known how it is reached; its page may answer already
	Direct   Kind = "direct"   // reachable from outside
	Router   Kind = "router"   // the same, through the router
	Relay    Kind = "relay"    // through a relay
	Local    Kind = "local"    // on this PC only
	Stopped  Kind = "stopped"
	Trouble  Kind = "trouble"
)

// State is how the node is now.
type State struct {
	Kind     Kind
	Sentence string // for people
	URL      string // the page on this PC; "" while there is none
	Address  string // the public address; "" without one
	Err      error  // of Trouble
}

// Running says whether the page answers.
func (s State) Running() bool { return s.URL != "" }

// Detail is what the Sentence leaves out, for who is asked for help: the code and the
// causes of a fault, the further lines of another error; "" if there is nothing.
func (s State) Detail() string {
	if s.Err == nil {
		return ""
	}
	f := (*fault.Error)(nil)
	if errors.As(s.Err, &f) {
		if f.Err == nil {
			return f.Code
		}
		return f.Code + ": " + f.Err.Error()
	}
	line, more, _ := strings.Cut(s.Err.Error(), "\n")
	if !strings.Contains(s.Sentence, strings.TrimRight(line, ":. ")) { // it says something else
		return s.Err.Error()
	}
	return more
}

// running is the state of a node that answers.
func running(url string, net connectivity.State, broken error) State {
	s := State{Kind: Local, Sentence: net.Sentence, URL: url, Address: net.URL}
	switch net.Path {
	case "direct":
		s.Kind = Direct
	case "mapped":
		s.Kind = Router
	case connectivity.Relay:
		s.Kind = Relay
	}
	switch {
	case net.Trying: // it answers here already
		s.Kind = Starting
	case net.Name == "": // a way in that nobody has an address for
		s.Kind = Local
	}
	if s.Sentence == "" {
		s.Sentence = "On this PC only."
	}
	if broken != nil {
		s.Kind, s.Err = Trouble, broken
		s.Sentence = "PC2 cannot store anything any more. Restart it; the log says why."
	}
	return s
}
