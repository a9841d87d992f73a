//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// measureHuge uploads 2 GiB while others work: the server's memory, and how long
// the others wait.
func measureHuge(ctx context.Context, s *suite) error {
	const name = "huge"
	if err := s.primer.fill(); err != nil {
		return err
	}
	if err := forgetPeak(s.pc2.cmd.Process.Pid); err != nil {
		return fmt.Errorf("reset the peak: %w", err)
	}
	over := make(chan struct{})
	var others sync.WaitGroup
	kinds := []struct {
		name string
		one  func(c *conn, i int64) (int, error)
		took series
		err  error
	}{
		{name: "stat", one: func(c *conn, _ int64) (int, error) { return c.get("/stat?path=~/Documents", "", nil) }},
		{name: "readdir", one: func(c *conn, _ int64) (int, error) { return c.get("/readdir?path=~", "", nil) }},
		{name: "10 KiB write", one: func(c *conn, i int64) (int, error) {
			return c.put(fmt.Sprintf("/write?path=~/aside/%d", i), s.pattern, smallSize)
		}},
	}
	for k := range kinds {
		kind := &kinds[k]
		others.Go(func() { kind.took, kind.err = s.pc2.again(over, kind.one) })
	}
	c, err := s.pc2.upload(s.pattern, name, s.huge)
	close(over)
	others.Wait()
	if err != nil {
		return err
	}
	s.spent(c)
	what := "upload of " + bytesText(s.huge)
	s.report.add(what+", others at work", "MB/s", series{float64(s.huge) / c.Wall.Seconds() / mega}, nil)
	peak, err := memoryOf(s.pc2.pids(), "VmHWM")
	if err != nil {
		return err
	}
	s.report.add(what+", RSS peak", "MiB", series{peak}, nil).Most = 120
	for _, kind := range kinds {
		if kind.err != nil {
			return fmt.Errorf("%s during the upload: %w", kind.name, kind.err)
		}
		s.report.add("  meanwhile "+kind.name+", median", "ms", series{kind.took.median()}, nil)
		s.report.add("  meanwhile "+kind.name+", 99 %", "ms", series{kind.took.quantile(0.99)}, nil)
		s.report.add("  meanwhile "+kind.name+", worst", "ms", series{kind.took.quantile(1)}, nil)
	}
	conn, err := s.pc2.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	if err := s.pc2.part(conn, s.pattern, name, s.huge/2-12345, 1<<20); err != nil {
		return fmt.Errorf("a range in the middle: %w", err)
	}
	return errors.Join(s.drop(ctx, s.pc2, name), ctx.Err())
}

// again does one thing every few milliseconds until over is closed, and says how
// long each took, in milliseconds.
func (s *server) again(over <-chan struct{}, one func(c *conn, i int64) (int, error)) (took series, err error) {
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer c.close()
	for i := int64(0); ; i++ {
		select {
		case <-over:
			return took, nil
		case <-time.After(5 * time.Millisecond):
		}
		began := time.Now()
		status, err := one(c, i)
		if err := ok(status, err, 200); err != nil {
			return took, err
		}
		took = append(took, time.Since(began).Seconds()*1000)
	}
}
