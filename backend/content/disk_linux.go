package content

import (
	"os"

	"golang.org/x/sys/unix"
)

// written syncs with fdatasync: bytes and length, not the times.
type written struct {
	*os.File
}

func (w *written) Sync() error {
	raw, err := w.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = unix.Fdatasync(int(fd)); failed != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("fdatasync", failed)
}
