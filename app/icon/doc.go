// Package icon holds the pictures of the desktop program, drawn by
// build/icons.sh: one for each state of the tray, and the program's own.
//
//	systray.SetIcon(icon.Tray("relay"))
//
// Shape and colour say the same: a disc is reachable, one with an arrow through
// the router, a ring with a core a relay, a ring "on this PC only", a square
// stopped.
package icon
