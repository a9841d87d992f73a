//go:build !linux

package system

import "context"

// AwaitDisplay does nothing: the end of a session is told here.
func AwaitDisplay(context.Context, func()) {}
