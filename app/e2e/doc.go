// Package e2e holds the stories of the built desktop program on a desktop of
// their own: Xvfb, a private session bus, a window manager and a panel that
// shows tray icons. build/desktop-test.sh (make desktop) starts all that, runs
// the tests and ends it; without its environment they are skipped.
//
//	PC2_APP      the program
//	PC2_DESKTOP  the folder of build/desktop.sh, whose env has been read
//	PC2_PICTURES where pictures go; may be empty
//	PC2_EVIDENCE where the screen of a failed story goes; may be empty
//
// A story that fails is told once more on a new desktop (build/desktop-test.sh).
//
// Some play in the network of backend/lab, where the program's PC has a router:
// as root, otherwise they are skipped.
//
// Nothing is clicked that a person could not click: the menu over D-Bus, as
// panels do it, and the window by keyboard and mouse.
package e2e
