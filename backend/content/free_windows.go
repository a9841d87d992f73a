package content

import (
	"math"

	"golang.org/x/sys/windows"
)

func (d rooted) Free() (int64, error) {
	dir, err := windows.UTF16PtrFromString(d.root.Name())
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(dir, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, math.MaxInt64)), nil
}
