// Package connectivity keeps the node reachable from outside and says, in words
// that people understand, how it is reached.
//
//	l, err := connectivity.New(connectivity.Config{Key: key, Domain: "ela.city", SuperNodes: …, DB: db, Bus: bus})
//	go l.Run(ctx)
//	server.Serve(preface.Listen(l, preface.Config{}))   // visitors, through any super node
//	l.State()                                           // also published on the bus as Changed
//	rec, err := l.Register(ctx, "alice")
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
// For now there is one rung: the relay. A public address and the router's port
// mapping stand above it and come with their own issue.
package connectivity
