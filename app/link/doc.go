// Package link reads the pc2:// links that other programs hand to the desktop
// program. Anybody can make one, so a link may only say where to go in the
// page, never what to do there.
//
//	to, err := link.Parse("pc2://open/Documents/Taxes") // "/files/Documents/Taxes"
//
//	pc2://                the page as it is
//	pc2://open/a/b        a folder or file below the home
//	pc2://devices         devices and sessions
//	pc2://address         the public address as a QR code
//	pc2://about           version
package link
