//go:build !windows

package download

import (
	"errors"
	"syscall"
)

// Full says whether err means that the disk has no room, or this user none on it.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
