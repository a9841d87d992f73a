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
	Mapped  Path = "mapped"  // through a port of the router
	Direct  Path = "direct"  // at an address of its own
)

// State is how the node is reached now.
type State struct {
	Path      Path
	Sentence  string // the same for people
	Hint      string // what keeps it from a better path, and what would help; "" if nothing is to be said
	Name      string // "" when it has none
	URL       string // public address; "" without a name
	SuperNode boson.ID
	Relay     string // host:port of the super node in use; "" when offline
	Endpoint  string // host:port that the relay maps to this node; "" when there is none
	Gateway   string
	Since     time.Time
	Trouble   string // stable code of what keeps it offline or nameless; "" when nothing does
	Trying    bool   // the first attempt is still under way: offline does not say much yet

	Way  string // of Mapped: how the router was asked (upnp, nat-pmp, pcp)
	Port uint16 // of Direct and Mapped: where the super node has met this node

	rung Path // Direct or Mapped once the super node has dialled back through it
	why  why  // there is no better one
}

// Changed is published on the bus when the state has changed.
type Changed struct{ State }

// derive sets what follows from the rest. A rung above the relay counts only
// while the super node is there: it is what sends visitors that way.
func (s *State) derive() {
	switch {
	case s.Relay == "":
		s.Path = Offline
	case s.rung != "":
		s.Path = s.rung
	default:
		s.Path = Relay
	}
	if s.rung == "" {
		s.Way, s.Port = "", 0
	}
	s.Sentence, s.Hint = s.sentence(), ""
	if s.Path == Relay {
		s.Hint = s.why.hint()
	}
}

// sentence says it in words.
func (s State) sentence() string {
	switch {
	case s.Path == Offline && s.Trying:
		return "Looking for a way in from outside…"
	case s.Name == "" && s.Trouble == "name_taken":
		return "Only on this PC: the name that it asked for belongs to another PC2."
	case s.Name == "" && s.Trouble == "name_invalid":
		return "Only on this PC: the name that it asked for is not one that a PC2 can have."
	case s.Name == "":
		return "Only on this PC: it has no name yet."
	case s.Path == Direct:
		return "Reachable directly."
	case s.Path == Mapped:
		return "Reachable through your router."
	case s.Path == Relay:
		return "Reachable through relay " + s.Relay + "."
	}
	return "Not reachable from outside at the moment; trying again."
}

// why says why there is no better path than the relay.
type why string

const (
	unknown    why = ""            // or nobody has to know
	routerShut why = "router_shut" // the router gives no port, or there is none that does
	doubleNAT  why = "double_nat"  // it gives one, and stands behind another router
	blocked    why = "blocked"     // it gives one, and nothing arrives there
	notAsked   why = "not_asked"   // the configuration forbids it
)

func (w why) hint() string {
	switch w {
	case routerShut:
		return "Your router opens no way in by itself. If its settings let programs open ports, allowing that would make this PC2 faster from outside."
	case doubleNAT:
		return "Your router stands behind another router, perhaps your provider's, so nobody gets in directly. A public address from your provider, or the outer router set to pass everything on, would change that."
	case blocked:
		return "Your router opened a way in, but nothing arrives there: a firewall, or another router, stands before it."
	case notAsked:
		return "PC2 does not ask your router for a way in, because its configuration says so."
	}
	return ""
}
