//go:build race

package node

// The race detector multiplies what a process holds, so bounds on memory say
// nothing under it.
const raced = true
