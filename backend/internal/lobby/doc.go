// Package lobby is a net.Listener whose connections have to show something
// before they are accepted: a preface, a TLS handshake.
//
//	l := lobby.New(inner, lobby.Config{Admit: func(c net.Conn) (net.Conn, error) { … }})
//	server.Serve(l)
//
// Each connection is looked at in its own goroutine, so that one which says
// nothing keeps nobody waiting:
//
//	inner.Accept ──► waiting (at most Max, each at most Timeout) ──Admit──► Accept
//	                    └─ refused, late, or pushed out by a newcomer: closed
//
// When the lobby is full, the one that waits longest is closed: who has
// something to show shows it at once, so the oldest is the likeliest to have
// nothing. Close closes those that wait and returns when their goroutines have
// ended.
package lobby
