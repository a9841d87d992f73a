package window

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/wailsapp/wails/v2"
	"github.com/wailsapp/wails/v2/pkg/options"
	"github.com/wailsapp/wails/v2/pkg/options/assetserver"
	"github.com/wailsapp/wails/v2/pkg/options/linux"
	"github.com/wailsapp/wails/v2/pkg/options/mac"
	"github.com/wailsapp/wails/v2/pkg/options/windows"
	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// run is wails.Run. It may come as late as one likes, but only once: window.c
// keeps a freed CSS provider, the URI scheme is registered already, and the
// first one's goroutines go on reading the message channels. nil means that the
// program is to end, an error that no window can be had.
func (w *Window) run(hidden bool) (err error) {
	if w.broken != nil {
		return w.broken
	}
	if err := noWindow(); err != nil {
		return err
	}
	defer func() { // Wails panics when GTK cannot start, and would not notice the next time
		if p := recover(); p != nil {
			if w.Is() {
				panic(p)
			}
			w.broken = fmt.Errorf("wails: %v", p)
			err = w.broken
		}
	}()
	ground := options.NewRGB(0xf6, 0xf8, 0xf8) // the page's own: no flash while it loads
	if isDark() {
		ground = options.NewRGB(0x10, 0x13, 0x14)
	}
	return wails.Run(&options.App{
		Title: "PC2", Width: 1120, Height: 720, MinWidth: 390, MinHeight: 480,
		BackgroundColour:  ground,
		AssetServer:       &assetserver.Options{Handler: w.local()},
		StartHidden:       hidden,
		HideWindowOnClose: w.cfg.Early, // macOS, where OnBeforeClose cannot tell close from quit
		// Drawn by the CPU: the window once stayed empty for good with the GPU's way,
		// and its libraries alone are a third of the page's memory.
		Linux:         &linux.Options{ProgramName: "PC2", Icon: w.cfg.Icon, WebviewGpuPolicy: linux.WebviewGpuPolicyNever},
		Mac:           &mac.Options{OnUrlOpen: w.cfg.Opened},
		Windows:       &windows.Options{Theme: windows.SystemDefault},
		OnBeforeClose: w.closing,
		OnStartup: func(ctx context.Context) {
			heedDisplay(w.cfg.Lost)
			v := &webview{ctx: ctx, take: w.take}
			w.started(v, hidden)
			if direct && !hidden {
				v.Load()
			}
		},
		OnDomReady: func(ctx context.Context) { guard() },
		OnShutdown: func(context.Context) {
			close(w.over)
			w.cfg.Down()
		},
	})
}

// webview is the view that Wails runs.
type webview struct {
	ctx  context.Context
	take func() string // where to go, once for each load
	soon atomic.Bool   // a load is about to ask for that
}

func (v *webview) Show() {
	runtime.Show(v.ctx)
	runtime.WindowShow(v.ctx)
	runtime.WindowUnminimise(v.ctx)
}

// Load does not wait: take needs what the callers hold.
func (v *webview) Load() {
	if !direct {
		loadPage(v.ctx, "") // the local page takes
		return
	}
	if v.soon.CompareAndSwap(false, true) {
		go func() {
			v.soon.Store(false)
			loadPage(v.ctx, v.take())
		}()
	}
}

func (v *webview) Hide() { runtime.WindowHide(v.ctx) }
func (v *webview) Rest() { restPage(v.ctx) }
func (v *webview) Quit() { runtime.Quit(v.ctx) }
