//go:build !unix

package gateway

func smallBuffer(uintptr) {}
