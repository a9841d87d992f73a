//go:build !linux

package content

import "os"

// written syncs with os.File.Sync, which on macOS is F_FULLFSYNC.
type written struct {
	*os.File
}
