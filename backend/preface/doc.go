// Package preface is what a gateway says first on a connection to a node, before
// the visitor's bytes: who the visitor is, and a proof that it is the gateway
// that says so.
//
// The gateway's side wraps what it dialled:
//
//	conn = preface.Visitor(conn, key, visitorAddr)  // one visitor's connection
//	conn = preface.Shared(conn, key)                // requests of many
//
// The node's side wraps its listener and asks in the handler:
//
//	l = preface.Listen(relayClient, preface.Config{})
//	server := &http.Server{Handler: h}
//	preface.Prepare(server)                         // HTTP/1.1 and h2c, ConnContext
//	server.Serve(l)
//
//	if visit, ok := preface.FromContext(r.Context()); ok { … came through the gateway }
//
// # Bytes
//
// A PROXY protocol header, version 2, whose last part is the proof:
//
//	 0  12  0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a
//	12   1  21 PROXY: one visitor's │ 20 LOCAL: shared
//	13   1  11 TCP over IPv4 │ 21 TCP over IPv6 │ 00 with LOCAL
//	14   2  length of all that follows, the proof included
//	16  12  source, destination, their ports   (IPv4; 36 bytes with IPv6; none with LOCAL)
//	     n  other TLVs: none today, read over
//	     1  e0                      ┐
//	     2  00 10                   │ the proof
//	    16  HMAC-SHA-256, its first │ over every byte in front of e0
//	        16 bytes                ┘
//	        then the visitor's bytes
//
// The HMAC's key is HKDF-SHA-256 of the shared key of the relay session, without
// salt, info KeyInfo: boson.Box.Derive(preface.KeyInfo). Only the node and the
// relay server have it, so a stranger who finds the relay's mapped port cannot
// make one. A connection tells its key by the method PrefaceKey (Keyed).
//
// # What the node does with a connection
//
//	PROXY signature, proof holds ─► first byte 16 (TLS)  ─► closed, until the node ends TLS itself
//	                                anything else        ─► Accept; HTTP/2 or HTTP/1.1 by its first bytes
//	PROXY signature, anything else ─► closed
//	no PROXY signature             ─► closed without a byte
//
// The preface is read in the connection's own goroutine, within 5 s, and a
// bounded number of connections is read at a time (package lobby): a stranger
// who says nothing delays nobody.
//
// A Conn's RemoteAddr is text that parses as no address, on purpose: what came
// through the gateway must never look as if it came from this PC, although the
// connection that carries it may. The visitor is asked for by name: Visit.Addr,
// or X-Forwarded-For, which a gateway sets and never passes on.
package preface
