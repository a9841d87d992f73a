// Command app is PC2 for the desktop: tray, window and the whole node in one
// process, by the same flags as pc2d.
//
//	instance   one program per data directory; a second start shows the first's window
//	host       the node, started and stopped in the same process
//	tray       icon and menu; on the bus before the node is started
//	window     the webview; nothing of it is loaded before somebody asks
//	download   files that the window saves
//	scheme     pc2:// links and the launcher, for this user
//
//	main ──▶ desktop ──┬─▶ tray ◀── state ── host ──▶ node.Node
//	                   └─▶ window ── http://127.0.0.1:port ──▶ its page
//
// Tray and node start alone. Without a tray that somebody sees, closing the
// window ends the program and --hidden shows it; without a display too, it says
// so and runs as a node.
//
// Built without tags it has no webview (go vet and go test need no WebKit); the
// real one is built by make app.
package main
