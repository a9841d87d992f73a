//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// primer keeps the machine's free memory filled with page cache. On a virtual
// machine a page that was free for a while has to be fetched from the host at
// its first use, which costs more CPU time than all that a server does with it.
// Pages of a sparse file cost no disk, are the first to be given up when
// somebody needs memory, and are gone with the file.
type primer struct {
	f     *os.File
	at    int64
	floor float64 // MiB of free memory where filling stops
	limit int64   // bytes a run may fill in all
	buf   []byte
}

const hole = 1 << 42 // longer than any memory

// newPrimer makes the file in dir. limit 0: it will do nothing.
func newPrimer(dir string, limit int64) (*primer, error) {
	f, err := os.Create(filepath.Join(dir, "prime"))
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(hole); err != nil {
		f.Close()
		return nil, err
	}
	total, err := kilobytes("/proc/meminfo", "MemTotal")
	return &primer{f: f, floor: max(256, total/1024/40), limit: limit, buf: make([]byte, 1<<20)}, err
}

// fill reads as much as is free, but for the floor. Not until nothing is free: a
// kernel that reclaims early frees pages as fast as they are read, and then those
// that are free have been used before, which is as good.
func (p *primer) fill() error {
	free, err := kilobytes("/proc/meminfo", "MemFree")
	if err != nil {
		return err
	}
	end := min(p.limit, p.at+int64((free/1024-p.floor)*(1<<20)))
	for ; p.at < end; p.at += int64(len(p.buf)) {
		if _, err := p.f.ReadAt(p.buf, p.at); err != nil {
			return fmt.Errorf("fill the page cache: %w", err)
		}
	}
	return nil
}

// close gives the memory back.
func (p *primer) close() {
	p.f.Truncate(0)
	p.f.Close()
}

// forget drops the files below dir, or one file, from the page cache. It returns
// what share of their pages is still there: those that somebody has mapped stay.
func forget(path string) (left float64, err error) {
	var pages, in int
	err = filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil { // only clean pages can be dropped
			return err
		}
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			return err
		}
		all, resident, err := residency(f)
		pages, in = pages+all, in+resident
		return err
	})
	if pages == 0 {
		return 0, err
	}
	return float64(in) / float64(pages), err
}

// residency is how many pages a file has, and how many of them are in memory.
func residency(f *os.File) (pages, resident int, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return 0, 0, err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Munmap(m)
	pages = (len(m) + os.Getpagesize() - 1) / os.Getpagesize()
	vec := make([]byte, pages)
	if _, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), uintptr(unsafe.Pointer(&vec[0]))); e != 0 {
		return 0, 0, e
	}
	for _, v := range vec {
		resident += int(v & 1)
	}
	return pages, resident, nil
}
