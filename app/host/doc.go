// Package host keeps the node of the desktop program: it starts and stops it in
// the same process, again and again, and tells in one State what the tray shows.
//
//	h := host.New(host.Config{Node: cfg, Changed: func(s host.State) { … }})
//	h.Start()
//	err := h.Run(ctx) // until ctx ends; the node is closed then
//
// Stop closes the node, its database and its lock, and leaves the program where
// it is. A node that ends by itself leaves the state Trouble with its reason.
// One whose key is in a locked keychain waits in Trouble until that is unlocked.
// After the first start the port stays the same, so that open pages find it again.
package host
