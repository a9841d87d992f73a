//go:build linux

package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"pc2/backend/portmap"
)

func TestMain(m *testing.M) {
	os.Exit(Main(m, map[string]Role{"mapper": mapper, "visitor": visitor, "pc2d": pc2d, "watch": watch, "liar": liar}))
}

// kind names the sentinel of an error.
func kind(err error) string {
	for _, k := range []struct {
		err  error
		name string
	}{
		{portmap.ErrMoved, "moved"}, {portmap.ErrTaken, "taken"}, {portmap.ErrLost, "lost"},
		{portmap.ErrBehind, "behind"}, {portmap.ErrRefused, "refused"}, {portmap.ErrNone, "none"},
	} {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return ""
}

// mapper listens, has its port mapped, and again when the mapping is lost.
// Whoever comes in is told who they are.
func mapper(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("mapper", flag.ContinueOnError)
	port := f.Int("port", 4433, "")
	lease := f.Duration("lease", time.Hour, "")
	seen := f.String("seen", routerAddr, "the address that others see")
	if err := f.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp4", fmt.Sprintf(":%d", *port))
	if err != nil {
		return err
	}
	defer l.Close()
	go greet(l)
	c := portmap.New(portmap.Config{
		Log:         slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Description: "PC2 lab", Lease: *lease, Check: 400 * time.Millisecond, Seed: []byte("lab"),
	})
	for ctx.Err() == nil {
		start := time.Now()
		m, err := c.Map(ctx, uint16(*port))
		ms := time.Since(start).Milliseconds()
		if err != nil {
			tell(report{Event: "unmapped", Error: err.Error(), Kind: kind(err), Millis: ms})
			pause(ctx, 500*time.Millisecond)
			continue
		}
		at := m.External().Addr() // of another router, if others see us elsewhere
		tell(report{
			Event: "mapped", External: m.External().String(), Method: string(m.Method()), Private: m.Private(),
			Behind: m.Private() || !at.IsUnspecified() && at != parse(*seen), Millis: ms,
		})
		if err := m.Run(ctx); err != nil {
			tell(report{Event: "lost", Error: err.Error(), Kind: kind(err)})
		}
	}
	tell(report{Event: "ended"})
	return nil
}

func greet(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Fprintf(c, "home, visited by %s", c.RemoteAddr())
		c.Close()
	}
}

// visitor connects once and tells what it heard.
func visitor(ctx context.Context, args []string) error {
	d := net.Dialer{Timeout: 2 * time.Second}
	c, err := d.DialContext(ctx, "tcp4", args[0])
	if err != nil {
		tell(report{Event: "heard", Error: err.Error()})
		return nil
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(io.LimitReader(c, 1<<10))
	tell(report{Event: "heard", Heard: string(b), Error: message(err)})
	return nil
}
