//go:build production

package window

/*
#cgo pkg-config: gtk+-3.0 x11
#include <stdint.h>
#include <gdk/gdkx.h>

extern void displayLost(uintptr_t handle);

static int silent(Display *d) { return 0; }
static void lost(Display *d, void *handle) { displayLost((uintptr_t)handle); }

static gboolean heed(gpointer handle) {
	GdkDisplay *d = gdk_display_get_default();
	if (d && GDK_IS_X11_DISPLAY(d)) {
		XSetIOErrorHandler(silent); // GDK's ends the process at once
		XSetIOErrorExitHandler(gdk_x11_display_get_xdisplay(d), lost, handle);
	}
	return G_SOURCE_REMOVE;
}

static void heed_soon(uintptr_t handle) { g_idle_add(heed, (gpointer)handle); }
*/
import "C"

import "runtime/cgo"

// heedDisplay has lost called when the X server has gone, as at logout: programs
// that no session manager knows get no other word. GTK's thread is in the call
// and cannot go on, so lost has to end the process.
func heedDisplay(lost func()) { C.heed_soon(C.uintptr_t(cgo.NewHandle(lost))) }

//export displayLost
func displayLost(handle C.uintptr_t) { cgo.Handle(handle).Value().(func())() }
