// Package frontend carries the built page of PC2 inside the binary.
//
// The page is a Svelte application in src/. `npm run build` writes it to dist/:
// index.html, which names everything else by hash, the hashed assets, and beside
// each of them a .br and a .gz of the same bytes, so that a server can send a
// compressed answer without compressing anything:
//
//	ui := frontend.FS()
//	page, err := fs.ReadFile(ui, "index.html")
//	if errors.Is(err, fs.ErrNotExist) {
//		// nobody has run `make ui` yet
//	}
//
// The page is one client of the node's HTTP and Socket.IO interface, whether it
// runs in the window, in a browser tab at home or far away: it has no other door.
// It works under a policy without inline scripts and without eval:
//
//	default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;
//	connect-src 'self'; worker-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none';
//	form-action 'self'; frame-ancestors 'none'
//
// (data: is for the icons that wallets announce.)
package frontend
