// Package activeproxy is the relay of a node behind a home router: Boson Active
// Proxy 3.x, both ends. The device keeps connections to a relay; what visitors send to
// the relay comes to the device over them, one visitor on each.
//
//	visitor ──► mapped port ─┐
//	                         ├─ Server ◄── kept connections ── Client ─► Accept
//	gateway ──► DialDevice ──┘   relay                        device
//
// packet.go is the protocol. Nobody above sees packets: the device's end is a
// net.Listener, the relay's a dialer, and a tunnel between them a net.Conn.
//
// At home:
//
//	client, err := activeproxy.NewClient(activeproxy.ClientConfig{
//		Relay:  "relay.example.org:8090",
//		Peer:   peer,                // the relay's key
//		Device: node.RelayDevice(peer),
//		User:   node.ID(),
//	})
//	go http.Serve(client, handler)   // visitors of this session and all later ones
//	err = client.Run(ctx)            // one session; typed errors; call it again for the next
//
// At the relay:
//
//	server, err := activeproxy.NewServer(activeproxy.ServerConfig{Key: key, Authorize: named})
//	go server.Run(ctx, listener)
//	conn, err := server.DialDevice(ctx, device)
//
// # Who may what
//
// A device proves its key by signing a challenge of the relay. It signs whatever
// it is sent, so it does so with a boson.DeviceKey, a type that holds no other key:
// the relay never gets a signature of the node. Authorize then decides; the user that
// AUTH names is only a claim.
//
// Conn.PrefaceKey is a key that only the two ends know. With it the relay's gateway
// proves to the device that it opened a connection, and no stranger on the mapped port.
// No packet of a session is taken twice, on whatever connection, so what was
// recorded between the two cannot be played again.
//
// # Goroutines, memory, pace
//
//	link   one TCP connection; its owner's goroutine reads it while it is idle
//	Conn   a visitor on a link; reads and writes happen in the caller's goroutine
//	visit  a visitor of the mapped port; a goroutine for each direction
//
// Nothing is read ahead, so the pace of the slow side reaches the other by TCP
// alone, and nobody else waits. No reader ever waits for a writer: what a
// reader has to answer is posted, and written by who writes next. A large buffer is
// held only while a packet is in it; an idle connection costs some 10 KiB at each end.
//
// Closing a Conn does not close its link: both sides say DISCONNECT, and the link is
// idle again. A link is closed when that fails, and by whatever the protocol does not allow.
//
// # Limits
//
// Guests that have not said who they are have 10 s and 512 bytes; when there are
// too many of one address (an IPv6 /64 is one) or in all, the oldest goes. Refused
// devices are let go after 6.5 s, because the reference client returns at once and for
// ever. A session has up to 256 connections, of which visitors of the mapped port take
// half at most; it lasts 30 s without any, its port is kept for it 5 minutes longer, and a
// device that authenticates again replaces it. PING comes every 30 s.
//
// # Differences from the reference
//
// Our relay does not thin out the idle connections of a session: the 3.0.0 client
// never replaces a lost one, and ours does so itself. Our device authenticates afresh
// when its last connection is gone, where the reference tries ATTACH first. It
// keeps two connections ready, and more while there are many visitors.
package activeproxy
