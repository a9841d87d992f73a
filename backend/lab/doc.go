// Package lab is for tests: a small internet inside this PC, made of network
// namespaces, in which real programs meet a real home router.
//
//	make lab        # as root; make test runs it too when it is root
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m, nil)) }
//
//	lab.Needs(t)                                        // root, or it is skipped
//	n := lab.NewHome(lab.NewNetwork(t)).WithSuper()     // as drawn
//	n.Router.Serve(lab.Speaks{UPnP: true})
//	argv := n.PC.Inside("pc2d", "serve", "--profile", n.Profile)
//
//	inet 25.25.25.2 ──▶ 25.25.25.1 router 192.168.77.1 ──▶ home 192.168.77.2
//	visitors,             nftables NAT,          bridge │   the PC with the node
//	super node            miniupnpd                     └─▶ guest 192.168.77.3
//
// The router is Debian's miniupnpd on nftables, as it stands in many homes. Each test makes
// a network of its own and deletes it, also when it fails; what a killed run left
// behind the next one deletes. The test binary is also each program in it: a role
// is started with `ip netns exec`, so that all its sockets are inside.
//
// No namespace has a way out. The internet's addresses look public because
// miniupnpd refuses to forward ports of any other; nothing here can reach their
// owners.
package lab
