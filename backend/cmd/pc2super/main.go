// Command pc2super is a super node: names, relay and web gateway for PC2s at home.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"pc2/backend/supernode"
)

// version of this program; the build sets it.
var version = "dev"

var cli struct {
	Serve   supernode.Flags  `cmd:"" help:"Run the super node until it is told to stop."`
	Version kong.VersionFlag `help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli, kong.Name("pc2super"), kong.Description("A super node for PC2."), kong.UsageOnError(), kong.Vars{"version": version})
	k.FatalIfErrorf(supernode.Serve(ctx, cli.Serve, version, os.Stdout, os.Stderr))
}
