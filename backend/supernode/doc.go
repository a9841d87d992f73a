// Package supernode is the wiring place of a super node: what lends nodes a name
// and a way in.
//
//	s, err := supernode.New(ctx, supernode.Config{Dir: dir, Domain: "example.org", HTTP: ":80", Proxy: ":8090"})
//	err = s.Run(ctx)
//
//	names          who has which name, in SQLite
//	activeproxy    the relay that nodes connect to
//	gateway        https://<name>.<domain> → the node, at an address that it has
//	               proved (package doorway), else through its relay session
//
// New opens everything and listens; Run serves until ctx ends. A relay session
// is granted to the devices that a registered name names.
//
// The folder holds key (the Ed25519 seed, 64 hex digits, 0600, unless Config has
// one), names.db and
// ports.json: the ports that were chosen when an address said port 0, so that the
// next start has the same. One that is taken meanwhile is replaced.
package supernode
