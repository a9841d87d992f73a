package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"pc2/app/instance"
	"pc2/backend/node"
)

type flags struct {
	node.Flags
	Hidden     bool             `help:"Start in the tray, without a window; start at login uses it."`
	Register   *bool            `negatable:"" help:"Open pc2:// links with this PC2 and show it among the programs (unless said otherwise, only one without --data is)."`
	Unregister bool             `help:"Take that back, and start at login too, and end; your data stays."`
	Rest       time.Duration    `help:"How long a closed window keeps its page." default:"1m" hidden:""`
	Panel      time.Duration    `help:"How long a hidden start waits for something that shows the tray." default:"30s" hidden:""`
	Version    kong.VersionFlag `help:"Print the version."`
	Link       []string         `arg:"" optional:"" help:"A pc2:// link to open."`
}

func main() {
	var f flags
	k := kong.Parse(&f, kong.Name("PC2"), kong.Description("Your personal cloud."), kong.Vars{"version": node.Version, "profile": node.DefaultProfile})
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup means that
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	err := run(ctx, f, signalled(ends))
	if errors.Is(err, instance.ErrTold) {
		fmt.Println(err)
		return
	}
	k.FatalIfErrorf(err)
}

// signalled says whether one of these signals has come, and misses none that some
// other part of the process has heard: Wails takes them for the close button.
func signalled(ends []os.Signal) func() bool {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, ends...)
	return func() bool {
		// A signal is handed to all who wait for it under a lock that this takes too.
		c := make(chan os.Signal, 1)
		signal.Notify(c, ends...)
		signal.Stop(c)
		return len(heard) > 0
	}
}

// run claims the data directory first, before anything is opened.
func run(ctx context.Context, f flags, ending func() bool) error {
	cfg, err := f.Flags.Config()
	if err != nil {
		return err
	}
	if f.Unregister {
		return unregister(ctx, f, cfg.Dir)
	}
	one, err := instance.Claim(ctx, cfg.Dir, f.Link)
	if err != nil {
		return err
	}
	d := newDesktop(f, cfg, one, ending)
	return errors.Join(d.run(ctx), one.Release())
}
