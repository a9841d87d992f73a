// Package api is the node's edge: HTTP and WebSocket in front of the services,
// which know neither.
//
//	s, err := api.New(api.Config{Auth: desk, Files: tree, UI: ui, …})
//	go s.Run(ctx)                       // the live events
//	http.Server{Handler: s.Handler()}
//
// # How a request travels
//
//	host.go        is this name ours? else 421 (DNS rebinding)
//	ingress.go     where does it come from: loopback, lan; whose address is it
//	cors.go        may that page call us? preflight is answered here
//	routes.go      the one table: pattern, who may call, rate class, handler
//	body.go        JSON, form and query become fields, within limits
//	credential.go  body, header, cookie or query token → principal
//	limit.go       token bucket for strangers, bounded concurrency for people
//	handler.go     runs the handler; a returned error becomes status and JSON
//
// Handlers return errors. A *fault.Error is answered with its code, message and
// fields; anything else is 500 with a request ID, and its text stays in the log.
//
// Every route states its policy, or New fails: closed by default. A page of
// another origin gets no cookie (it is not ambient authority for it), and the
// routes marked own answer it nothing at all.
//
// # The window's way in
//
// GET /desktop/enter takes a key that works once and for a minute. Where a browser
// has to be opened with it, it stands in a command line, which all users of a PC
// can read. So on Linux the peer's socket must belong to the user of this process
// (/proc/net/tcp, read while the request waits). Where that cannot be known (macOS
// and Windows, a /proc without these tables, a socket that was passed on from
// another network namespace) single use is all that protects: who comes first
// is in, and the other is told that the address was used. The claim code is only
// in what enter answers, never in an address that a program is started with.
package api
