//go:build linux

package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mega       = 1e6 // bytes of an MB; a GiB is 1 << 30
	rangeSize  = 64 << 10
	smallSize  = 10 << 10
	smallFmt   = "%08d.bin"
	patternLen = 1048573 // a prime, so that no block of any layout repeats in step with it
)

// pattern is what every file here repeats. At offset p of a file stands
// pattern[p % patternLen].
func newPattern() []byte {
	b := make([]byte, patternLen)
	rand.Read(b)
	return b
}

// expect checks that what comes is the pattern from off on.
func expect(pattern []byte, off int64) func([]byte) error {
	return func(b []byte) error {
		for len(b) > 0 {
			want := pattern[off%patternLen:]
			n := min(len(b), len(want))
			if !bytes.Equal(b[:n], want[:n]) {
				return fmt.Errorf("wrong bytes at about %d", off)
			}
			b, off = b[n:], off+int64(n)
		}
		return nil
	}
}

var errStatus = errors.New("unexpected status")

func ok(status int, err error, want ...int) error {
	if err != nil {
		return err
	}
	for _, w := range want {
		if status == w {
			return nil
		}
	}
	return fmt.Errorf("%w %d", errStatus, status)
}

// upload puts a file of size bytes.
func (s *server) upload(pattern []byte, name string, size int64) (cost, error) {
	c, err := s.dial()
	if err != nil {
		return cost{}, err
	}
	defer c.close()
	m, err := startMeter(s.pids())
	if err != nil {
		return cost{}, err
	}
	status, err := c.put(s.write+name, pattern, size)
	if err := ok(status, err, 200, 201, 204); err != nil {
		return cost{}, fmt.Errorf("%s: upload: %w", s.name, err)
	}
	return m.stop()
}

// download gets it. Comparing every byte costs the client time, so only a run
// that is not measured does.
func (s *server) download(pattern []byte, name string, size int64, compare bool) (cost, error) {
	c, err := s.dial()
	if err != nil {
		return cost{}, err
	}
	defer c.close()
	got, check := int64(0), func([]byte) error { return nil }
	if compare {
		check = expect(pattern, 0)
	}
	m, err := startMeter(s.pids())
	if err != nil {
		return cost{}, err
	}
	status, err := c.get(s.read+name, "", func(b []byte) error { got += int64(len(b)); return check(b) })
	if err := ok(status, err, 200); err != nil {
		return cost{}, fmt.Errorf("%s: download: %w", s.name, err)
	}
	if got != size {
		return cost{}, fmt.Errorf("%s: download: %d of %d bytes", s.name, got, size)
	}
	return m.stop()
}

// part gets and checks one range.
func (s *server) part(c *conn, pattern []byte, name string, off, n int64) error {
	got := 0
	check := expect(pattern, off)
	status, err := c.get(s.read+name, fmt.Sprintf("Range: bytes=%d-%d\r\n", off, off+n-1), func(b []byte) error { got += len(b); return check(b) })
	if err := ok(status, err, 206); err != nil {
		return fmt.Errorf("%s: range: %w", s.name, err)
	}
	if int64(got) != n {
		return fmt.Errorf("%s: range: %d of %d bytes", s.name, got, n)
	}
	return nil
}

// repeat lets conns connections do one thing again and again, for d or count
// times, and says how often it was done.
func (s *server) repeat(conns int, d time.Duration, count int64, one func(c *conn, i int64) error) (int64, cost, error) {
	var begun, done atomic.Int64
	var wg sync.WaitGroup
	var open []*conn
	defer func() {
		for _, c := range open {
			c.close()
		}
	}()
	for range conns {
		c, err := s.dial()
		if err != nil {
			return 0, cost{}, err
		}
		open = append(open, c)
	}
	errs := make([]error, conns)
	m, err := startMeter(s.pids())
	if err != nil {
		return 0, cost{}, err
	}
	end := time.Now().Add(d)
	for k, c := range open {
		wg.Go(func() {
			for time.Now().Before(end) {
				i := begun.Add(1)
				if i > count {
					return
				}
				if errs[k] = one(c, i); errs[k] != nil {
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	got, err := m.stop()
	return done.Load(), got, errors.Join(append(errs, err)...)
}

// ranges reads 64 KiB at random places.
func (s *server) ranges(pattern []byte, name string, size int64, conns int, d time.Duration) (int64, cost, error) {
	return s.repeat(conns, d, math.MaxInt64, func(c *conn, _ int64) error {
		return s.part(c, pattern, name, mathrand.Int64N(size-rangeSize), rangeSize)
	})
}

// smallFiles writes new files of 10 KiB into a folder.
func (s *server) smallFiles(pattern []byte, folder string, conns int, d time.Duration) (int64, cost, error) {
	return s.repeat(conns, d, math.MaxInt64, func(c *conn, i int64) error {
		return s.small(c, pattern, folder, i)
	})
}

func (s *server) small(c *conn, pattern []byte, folder string, i int64) error {
	status, err := c.put(s.write+folder+"/"+fmt.Sprintf(smallFmt, i), pattern[i%smallSize:][:smallSize], smallSize)
	if err := ok(status, err, 200, 201, 204); err != nil {
		return fmt.Errorf("%s: small file: %w", s.name, err)
	}
	return nil
}

// folderOf makes a folder with n small files, by 8 connections.
func (s *server) folderOf(pattern []byte, folder string, n int64) error {
	made, _, err := s.repeat(8, 2*time.Minute, n, func(c *conn, i int64) error {
		return s.small(c, pattern, folder, i)
	})
	if err == nil && made != n {
		err = fmt.Errorf("%s: only %d files in 2 minutes", s.name, made)
	}
	return err
}

// list gets a listing and says how long that took and how long it is.
func (s *server) list(c *conn, target, headers string) (time.Duration, int64, error) {
	n := int64(0)
	began := time.Now()
	status, err := c.get(target, headers, func(b []byte) error { n += int64(len(b)); return nil })
	if err := ok(status, err, 200); err != nil {
		return 0, 0, fmt.Errorf("%s: listing: %w", s.name, err)
	}
	return time.Since(began), n, nil
}
