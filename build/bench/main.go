//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		act(roles[os.Args[1]], os.Args[2:])
		return
	}
	var o options
	flag.StringVar(&o.program, "pc2d", "out/pc2d", "the `program` to measure")
	flag.StringVar(&o.super, "pc2super", "out/pc2super", "the super node's `program`")
	flag.StringVar(&o.out, "json", "artifacts/bench.json", "`file` for the figures")
	flag.StringVar(&o.tmp, "tmp", "", "`folder` on the disk to measure on; default: out")
	only := flag.String("only", "", "comma-separated `parts`: "+strings.Join(partNames(), ", "))
	flag.IntVar(&o.rounds, "rounds", 3, "runs of each measurement")
	prime := flag.Int64("prime", 0, "fill up to this many `GiB` of free memory with page cache first")
	quick := flag.Bool("quick", false, "one round of little data: to see that it works, not to measure")
	hold := flag.Duration("for", 1500*time.Millisecond, "how long what is counted is repeated")
	flag.Parse()
	o.prime, o.hold, o.big, o.huge, o.entries = *prime<<30, *hold, 1<<30, 2<<30, 10_000
	if *quick {
		o.rounds, o.hold, o.big, o.huge, o.entries = 1, 300*time.Millisecond, 64<<20, 128<<20, 1000
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures everything and tidies up, also when it is told to stop: then the
// servers end, and whatever waits for them fails.
func run(ctx context.Context, o options) (err error) {
	s, err := newSuite(o)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, s.kill)
	defer func() {
		stop()
		err = errors.Join(err, s.close())
		if ctx.Err() != nil {
			err = fmt.Errorf("stopped: %w", ctx.Err())
		}
	}()
	for _, p := range parts() {
		if !s.wants(p.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "  %s …\n", p.title)
		if err := p.run(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", p.title, err)
		}
	}
	s.describe()
	if err := s.report.print(os.Stdout); err != nil {
		return err
	}
	return s.report.save(o.out)
}
