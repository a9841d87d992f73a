package system

import (
	"context"
	"io"
	"os"

	"github.com/jezek/xgb"
)

// AwaitDisplay returns when ctx ends; if the X server goes before, as it does at
// logout, it calls gone. A program without a window would not notice, and live on
// where nobody sees it. Under Wayland the compositor may start anew within a
// session, and the session's end is told in other ways.
func AwaitDisplay(ctx context.Context, gone func()) {
	if os.Getenv("DISPLAY") == "" || os.Getenv("WAYLAND_DISPLAY") != "" || os.Getenv("XDG_SESSION_TYPE") == "wayland" {
		return
	}
	xgb.Logger.SetOutput(io.Discard) // it complains of a missing .Xauthority and goes on
	x, err := xgb.NewConn()
	if err != nil {
		return // the window says why, when it is wanted
	}
	defer x.Close()
	stop := context.AfterFunc(ctx, x.Close)
	defer stop()
	for {
		if event, err := x.WaitForEvent(); event == nil && err == nil {
			break
		}
	}
	if ctx.Err() == nil {
		gone()
	}
}
