// Package durable writes small files so that they are there whole or not at all,
// whatever ends the program or the PC.
//
//	err := durable.Replace(file, content) // mode 0600
//
// The content goes to a temporary file beside the target, is synced, and takes
// the target's name; then the folder is synced, so that what was there before
// does not come back after a power cut.
package durable
