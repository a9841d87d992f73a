// Package window is the program's one window, a webview that shows the node's
// page.
//
//	w := window.New(window.Config{Enter: h.Enter, State: h.State, …})
//	go … w.Show("")            // from any goroutine
//	err := w.Loop()            // on the main goroutine, until Quit
//
// It costs nothing until somebody asks: Loop waits and only then calls
// wails.Run, once in the life of the process; a second one crashes.
//
//	open ──Hide──▶ closed ──a minute──▶ resting (no page, no web process) ──Show──▶ open
//
// The page may ask not to be ended (Busy): unsaved text, uploads, music. When it
// is, it restores its place itself.
//
// The webview begins at wails://, which this package answers in the process: a
// page that goes on to http://127.0.0.1 with a key that works once, or, while
// the node does not answer, a small page that says so and has Start on it.
// Nothing is bound: the page talks to Go only as any page does to its server.
//
// Where no window can be had (no display, no WebView2) the reason is logged, and
// the system's browser gets an address that signs it in once.
package window
