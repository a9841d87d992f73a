//go:build unix

package content

import (
	"errors"
	"math"

	"golang.org/x/sys/unix"
)

func (d rooted) Free() (int64, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var st unix.Statfs_t
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.Fstatfs(int(fd), &st) })
	if err := errors.Join(err, failed); err != nil {
		return 0, err
	}
	// The fields' types differ between systems; the product is far below 2^63.
	free := float64(st.Bavail) * float64(st.Bsize)
	return int64(min(free, math.MaxInt64/2)), nil
}
