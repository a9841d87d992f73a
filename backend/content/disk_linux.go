package content

import (
	"os"

	"golang.org/x/sys/unix"
)

// early is how much is written before its write-back is started, so that the
// sync at the end finds most of it done.
const early = 8 << 20

// written syncs with fdatasync: bytes and length, not the times.
type written struct {
	*os.File
}

func (w *written) WriteAt(p []byte, off int64) (int, error) {
	n, err := w.File.WriteAt(p, off)
	if end := off + int64(n); err == nil && end%early == 0 {
		// Only a hint: the sync at the end reports whatever goes wrong.
		_ = w.fd(func(fd int) error { return unix.SyncFileRange(fd, end-early, early, unix.SYNC_FILE_RANGE_WRITE) })
	}
	return n, err
}

func (w *written) Sync() error { return os.NewSyscallError("fdatasync", w.fd(unix.Fdatasync)) }

func (w *written) fd(call func(fd int) error) error {
	raw, err := w.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = call(int(fd)); failed != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}
