package connectivity

import (
	"time"

	"pc2/backend/boson"
)

// Path is how visitors reach the node.
type Path string

const (
	Offline Path = "offline" // they do not
	Relay   Path = "relay"   // through a super node's relay
)

// State is how the node is reached now.
type State struct {
	Path      Path
	Sentence  string // the same for people
	Name      string // "" when it has none
	URL       string // public address; "" without a name
	SuperNode boson.ID
	Relay     string // host:port of the super node in use; "" when offline
	Endpoint  string // host:port that the relay maps to this node; "" when there is none
	Gateway   string
	Since     time.Time
	Trouble   string // stable code of what keeps it offline or nameless; "" when nothing does
}

// Changed is published on the bus when the state has changed.
type Changed struct{ State }

// sentence says it in words.
func (s State) sentence() string {
	switch {
	case s.Path == Relay && s.Name != "":
		return "Reachable through relay " + s.Relay + "."
	case s.Name == "" && s.Trouble == "name_taken":
		return "Only on this PC: the name that it asked for belongs to another PC2."
	case s.Name == "" && s.Trouble == "name_invalid":
		return "Only on this PC: the name that it asked for is not one that a PC2 can have."
	case s.Name == "":
		return "Only on this PC: it has no name yet."
	}
	return "Not reachable from outside at the moment; trying again."
}
