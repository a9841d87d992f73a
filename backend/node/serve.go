package node

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"

	"pc2/backend/identity"
	"pc2/backend/keychain"
)

// Serve is what the node's programs do: start by their flags, tell people on out
// where to go, log to log, run until ctx ends.
func Serve(ctx context.Context, f Flags, ui fs.FS, out, log io.Writer) error {
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	cfg.UI, cfg.Keychain, cfg.Custody = ui, keychain.New(), identity.Headless
	cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: LogLevel()}))
	cfg.OnReady = func(r Ready) { Welcome(out, r) }
	n, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	return n.Run(ctx)
}

// Welcome tells people where to go.
func Welcome(out io.Writer, r Ready) {
	open, first := r.URL, ""
	if r.ClaimCode != nil {
		open, first = r.URL+"/#claim="+*r.ClaimCode, " It has no owner yet. Open this address to make it yours:"
	}
	fmt.Fprintf(out, "\n  Your PC2 is ready.%s\n\n      %s\n\n", first, open)
	if r.GatewayURL != nil {
		fmt.Fprintf(out, "  From outside it is %s\n\n", *r.GatewayURL)
	}
}
