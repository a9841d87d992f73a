// Package node is the wiring place: a whole PC2 in one process, without window
// or command line.
//
//	n, err := node.New(ctx, node.Config{Dir: dir, Listen: "127.0.0.1:4200", UI: frontend.FS()})
//	if err != nil { … }
//	err = n.Run(ctx) // until ctx ends; running requests get 5 s
//
// New opens everything top to bottom in the order of the import law, and closes
// what it opened if a later step fails. It listens already, so a port that is
// taken is New's error; requests are answered from Run on.
//
//	lock       one node per data directory
//	config     config.json and environment, all problems at once
//	identity   keys, format.json, and the database they belong to; Config.Custody
//	           says where the local key is to be, security.keychain "off": in its file
//	content    sealed objects; recovered before the first request
//	auth files the services, on one event bus
//	api        HTTP in front of them
//
// Every path in the data directory is named in paths.go.
//
// Run writes runtime/control.json for programs of this PC, and the ready file
// once everything answers; both hold secrets, have mode 0600 and are replaced
// by rename. A kill at any instant leaves a directory that starts.
package node
