// Package doorway is the TLS between a super node's gateway and the public
// listener of a node, for nodes that the internet can reach without a relay.
//
// The node's side:
//
//	l, err := doorway.Listen(tcp, doorway.Config{Key: nodeKey, Supers: idsOfTheProfile})
//	server.Serve(preface.Listen(l, preface.Config{}))   // what comes out is a *doorway.Conn
//
// The gateway's side:
//
//	d := doorway.NewDialer(superNodeKey)
//	conn, err := d.Dial(ctx, nodeID, addr)              // handshake done, nodeID proved
//
// # Handshake
//
// TLS 1.3 alone, without SNI, session tickets or certificates of anybody else:
// each end shows a self-signed certificate of its Ed25519 key, and checks in
// VerifyConnection that the other's key is the one that it means. The ALPN offer
// of the gateway has two entries:
//
//	"pc2-gw/1"                    the protocol, which the node selects
//	"pc2-gw/1:" ‖ Base64URL of    the ticket: who dials is a super node of yours
//	     8  time, ms since 1970, big endian
//	    16  random
//	    32  HMAC-SHA-256 over both, key = Box(gateway, node).Derive("pc2 gateway ticket")
//
// In TLS 1.3 the server shows its certificate before it sees the client's. So the
// ticket, which only that super node can make and only that node can check, comes
// with the first message, and the node says nothing before it has checked it: no
// alert, no certificate, no byte. A ticket holds for five minutes around its
// time, and once.
//
//	stranger ─► any bytes, or none, or a ClientHello without a good ticket ─► reset
//	gateway  ─► ClientHello with it ─► handshake ─► Accept
//
// The ticket covers no other part of the handshake: whoever sits on the line of
// the two can spend it in the gateway's place, before it arrives, and see whose
// certificate that address shows; the connection they do not get.
//
// # Bounds
//
// A handshake has 10 s; at most 512 connections are in it, 128 of one address
// (IPv6: /64); gateways have at most 256. More are reset in the handshake, so that
// the gateway takes the relay.
//
// A Conn has a PrefaceKey, as package preface wants it: keying material that TLS
// exports for this connection alone.
package doorway
