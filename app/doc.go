// Command app is PC2 for the desktop. For now it is the core that the tray and
// the window will stand around: the same node as pc2d, by the same flags, and a
// second start that finds the first one instead of failing.
package main
