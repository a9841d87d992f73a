package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"pc2/backend/node"
	"pc2/frontend"
)

var cli struct {
	node.Flags
	Hidden  bool             `help:"Start without showing anything; start at login uses it."`
	Version kong.VersionFlag `help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli, kong.Name("PC2"), kong.Description("Your personal cloud."), kong.Vars{"version": node.Version, "profile": node.DefaultProfile})
	err := node.Serve(ctx, cli.Flags, frontend.FS(), os.Stdout, os.Stderr)
	if errors.Is(err, node.ErrLocked) {
		if s, err := node.AskStatus(ctx, cli.Data); err == nil {
			fmt.Println(s)
			return
		}
	}
	k.FatalIfErrorf(err)
}
