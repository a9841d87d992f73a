//go:build !windows

package content

import (
	"errors"
	"syscall"
)

// isFull says whether err means that the disk, or the quota on it, is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
