//go:build unix

package gateway

import "syscall"

// smallBuffer lets a socket take little that nobody reads.
func smallBuffer(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
}
