package content

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// isFull says whether err means that the disk, or the quota on it, is full.
func isFull(err error) bool {
	for _, full := range []error{syscall.ENOSPC, windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED} {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}
