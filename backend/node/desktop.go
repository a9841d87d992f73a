package node

import (
	"pc2/backend/connectivity"
	"pc2/backend/event"
)

// What follows is for the program that has a window around the node.

// State is how the world reaches the node now; each change is on the bus as
// connectivity.Changed.
func (n *Node) State() connectivity.State { return n.net.State() }

// Bus carries what happens in this node.
func (n *Node) Bus() *event.Bus { return n.bus }

// Healthy is nil, or why nothing can be stored any more.
func (n *Node) Healthy() error { return n.db.Broken() }

// Enter is an address at which a window on this PC comes in, once and within a
// minute. It ends at the page to, which begins with a slash.
func (n *Node) Enter(to string) string { return n.URL() + n.api.Enter(to) }

// Page is an address for a browser of this PC, which does not become the window:
// one that works once and brings the claim code while there is no owner, then the
// plain one.
func (n *Node) Page() string {
	if _, owned := n.auth.Owner(); owned {
		return n.URL()
	}
	return n.URL() + n.api.Visit()
}
