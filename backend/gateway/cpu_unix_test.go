//go:build unix

package gateway

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what this process, client, gateway and node together, has used.
func cpuTime() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
