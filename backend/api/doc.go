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
package api
