// Package gateway is the super node's web edge: https://alice.<domain> for a PC
// that stands behind somebody's router.
//
//	g, err := gateway.New(gateway.Config{
//		Dialer: relay, Names: registry, Domain: "example.org", Self: id,
//		HTTP: l80, HTTPS: l443, TLS: certificates,
//	})
//	err = g.Run(ctx)           // serves both listeners; or http.Server{Handler: g.Handler()}
//
// # How a request travels
//
//	heads.go     is this one request, whoever reads it? else 400
//	host.go      whose host is it?
//	             ├─ no node's: api.go, the routes of the super node (specification §18.5)
//	             └─ a node's
//	record.go    who has the name: unknown → pages.go, 404
//	limit.go     offline: 500 a minute; that answer: 256 in flight; for each IP (IPv6: /64)
//	             with a connection to themselves: 64 of one IP, 120 of all, at one node
//	proxy.go     ReverseProxy: who the visitor is goes along, what the visitor claims to be does not
//	refused.go   a node that answers before it has read
//	nodes.go     which connection
//	roads.go     which way: the node's own address, if it is proved, else its relay
//	patience.go  a body may take any time, as long as it moves: 1 minute without a byte ends it
//	standing.go  and less where more than 64 visitors take nothing: each holds 512 KiB
//
// Run's listeners let in at most four connections for each request that may be in
// flight, by address.
//
// # Connections to nodes
//
//	                                     first bytes on it
//	no body, or at most 64 KiB           preface (LOCAL, proof), then HTTP/2: shared, up to four a node,
//	                                     250 requests each, closed after 90 s without one
//	more, unknown length, WebSocket      preface (visitor's address, proof), then HTTP/1.1: one request,
//	                                     then closed
//
// A shared connection belongs to one node and relay device; it is kept with them,
// and the URL's host is the node ID, so that a request cannot get into another
// node's. Requests that find no connection wait for the same new one: a page's
// first forty requests are one connection of the relay. What is written to it while
// a write is under way leaves together, in one packet (internal/gather). Package preface
// has the bytes and the node's side.
//
// A request is sent a second time, on another connection, only when the first
// connection broke and either nothing of the request had been sent, or it asks
// only (GET, HEAD, OPTIONS) and has no body.
//
// # Two ways to a node
//
// A node that the internet can reach asks to be dialled back (reach.go, POST
// /api/reach). If the node itself is met there, by its key (package doorway), the
// address is proved for half an hour, or until the next proof or refutation, and
// requests go there. Where a connection to it does not come about within 2.5 s,
// breaks, or does not answer a ping for 3 s, the relay takes the same request, as
// far as it may be sent again, and all others for half a minute, then for longer.
//
// Only the address that the wish came from is dialled, never one that a header
// names; not one inside a private network, unless this super node is for tests;
// and a no takes three seconds whatever its reason. So the route tells nobody
// which ports are open, and no web page can use it. A super node behind something
// else that ends TLS sees that one's address, and cannot dial back.
//
// # What a node gets
//
// Host as the visitor's browser shows it, and X-Forwarded-For, -Host and -Proto,
// each with one value, set here. What the visitor sent under these and similar
// names is removed, as are hop-by-hop headers and every upgrade but WebSocket.
// Query and path stay as they are. Bodies stream both ways without a limit, with
// trailers, interim answers and 100 Continue.
//
// Of a node's answer, Domain is taken out of Set-Cookie, and Alt-Svc goes. An
// answer that breaks off breaks off for the visitor too.
//
// # What the gateway answers itself
//
// On a node's host only GET /status, and the pages: unknown name (404), PC offline
// (502), no answer in time (504), too many requests (429): static, self-contained,
// without script, for those who accept text/html, JSON for the others. On every
// other host the routes of api.go, and a page that asks for a name.
package gateway
