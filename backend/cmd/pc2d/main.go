// Command pc2d is PC2 without a display: for servers, small computers and tests.
package main

import (
	"context"
	"encoding/json"
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
	Serve   node.Flags       `cmd:"" help:"Run the node until it is told to stop."`
	Status  status           `cmd:"" help:"Tell how the node of a data directory is. Exit 0: running, 3: not running."`
	Version kong.VersionFlag `help:"Print the version."`
}

type status struct {
	Data string `help:"Data directory." type:"path" placeholder:"DIR"`
	JSON bool   `help:"Print JSON."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli, kong.Name("pc2d"), kong.Description("Your personal cloud."), kong.UsageOnError(), kong.Vars{"version": node.Version, "profile": node.DefaultProfile})
	if k.Command() == "serve" {
		k.FatalIfErrorf(node.Serve(ctx, cli.Serve, frontend.FS(), os.Stdout, os.Stderr))
		return
	}
	s, err := node.AskStatus(ctx, cli.Status.Data)
	if err != nil && !errors.Is(err, node.ErrNotRunning) {
		k.FatalIfErrorf(err)
	}
	if cli.Status.JSON {
		k.FatalIfErrorf(json.NewEncoder(os.Stdout).Encode(s))
	} else {
		fmt.Println(s)
	}
	if !s.Running {
		os.Exit(3)
	}
}
