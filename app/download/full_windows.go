package download

import (
	"errors"

	"golang.org/x/sys/windows"
)

// Full says whether err means that the disk has no room.
func Full(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
