// Package connectivity keeps the node reachable from outside and says, in words
// that people understand, how it is reached.
//
//	l, err := connectivity.New(connectivity.Config{Key: key, Domain: "ela.city", SuperNodes: …, DB: db, Bus: bus})
//	go l.Run(ctx)
//	server.Serve(preface.Listen(l, preface.Config{}))   // visitors, through any super node
//	l.State()                                           // also published on the bus as Changed
//	rec, err := l.Register(ctx, "alice")
//	n, err := l.Lookup(ctx, "bob")      // who has a name, by its signed claim
//	c, err := l.Check(ctx)              // does a visitor arrive, and how fast?
//
// One super node at a time: the name is claimed there (a signed claim with the
// relay device that speaks for this node), then a relay session is kept. A
// session that ends is opened again, at once and then less and less often; after
// three failures in a row the next super node is tried. Visitors of all of them
// come out of one Accept.
//
// The name and its last seq lie in the table settings, so that a claim is always
// above the one before, whatever the clock does.
//
// # The ladder
//
//	direct   the public listener, at an address of this PC's own
//	mapped   a port of the router that leads to it (Config.Map)
//	relay    the session, which is kept warm below the others
//	offline  no session: the super node is not there, so nobody is sent any way
//
// A rung above the relay counts only after the super node has dialled back
// through it (POST /api/reach), in the session that holds now. It is proved again
// every ten minutes, since super nodes forget proofs; when a session begins, when
// the router's port is lost, when the PC came to another network or woke, when a
// visitor comes through the relay all the same, and when somebody asks. What does
// not hold is tried again after 15 s, and less and less often, up to a quarter of
// an hour.
//
//	Run ─┬─ attempt …  name and relay session, one super node at a time
//	     ├─ climb      looks at the rungs; owns the router's port and gives it back
//	     └─ watch      tells climb that the network is another
//
// The router is asked only if the way to the super node leaves this PC.
package connectivity
