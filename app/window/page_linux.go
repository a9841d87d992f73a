//go:build production

package window

/*
#cgo pkg-config: gtk+-3.0
#cgo !webkit2_41 pkg-config: webkit2gtk-4.0
#cgo webkit2_41 pkg-config: webkit2gtk-4.1
#include <malloc.h>
#include <stdlib.h>
#include <webkit2/webkit2.h>

static void find(GtkWidget *w, gpointer out) {
	if (WEBKIT_IS_WEB_VIEW(w)) *(WebKitWebView **)out = WEBKIT_WEB_VIEW(w);
	else if (GTK_IS_CONTAINER(w)) gtk_container_forall(GTK_CONTAINER(w), find, out);
}

static WebKitWebView *view(void) {
	WebKitWebView *v = NULL;
	GList *tops = gtk_window_list_toplevels();
	for (GList *t = tops; t && !v; t = t->next) find(t->data, &v);
	g_list_free(tops);
	return v;
}

static gboolean trim(gpointer unused) {
	malloc_trim(0);
	return G_SOURCE_REMOVE;
}

static gboolean rest(gpointer unused) {
	WebKitWebView *v = view();
	if (v) webkit_web_view_terminate_web_process(v);
	g_timeout_add(1000, trim, NULL); // when what it held has been let go
	return G_SOURCE_REMOVE;
}

// By WebKit's own rule, so that it is what the page will be.
static gboolean dark(void) {
	gboolean wish = FALSE;
	gchar *set = NULL;
	g_object_get(gtk_settings_get_default(), "gtk-application-prefer-dark-theme", &wish, "gtk-theme-name", &set, NULL);
	const gchar *theme = g_getenv("GTK_THEME");
	if (!theme || !*theme) theme = set;
	gboolean is = wish || (theme && (g_str_has_suffix(theme, "-dark") || g_str_has_suffix(theme, "-Dark") || g_str_has_suffix(theme, ":dark")));
	g_free(set);
	return is;
}

// The page's own ground, in light and dark: no flash while it loads.
static void ground(WebKitWebView *v) {
	GdkRGBA light = {0xf6 / 255.0, 0xf8 / 255.0, 0xf8 / 255.0, 1}, night = {0x10 / 255.0, 0x13 / 255.0, 0x14 / 255.0, 1};
	webkit_web_view_set_background_color(v, dark() ? &night : &light);
}

static gboolean load(gpointer uri) {
	WebKitWebView *v = view();
	if (v) {
		ground(v);
		webkit_web_view_load_uri(v, uri);
	}
	g_free(uri);
	return G_SOURCE_REMOVE;
}

// A page that died comes back, after a second: one that dies at once must not spin.
static void died(WebKitWebView *v, WebKitWebProcessTerminationReason why, gpointer unused) {
	if (why != WEBKIT_WEB_PROCESS_TERMINATED_BY_API) g_timeout_add(1000, load, g_strdup("wails://wails/local"));
}

static gboolean watch(gpointer unused) {
	WebKitWebView *v = view();
	if (v && !g_object_get_data(G_OBJECT(v), "pc2-watched")) {
		g_object_set_data(G_OBJECT(v), "pc2-watched", (gpointer)1);
		g_signal_connect(v, "web-process-terminated", G_CALLBACK(died), NULL);
	}
	return G_SOURCE_REMOVE;
}

// Before Wails, which starts GTK itself; a second time does nothing.
static gboolean dark_at_start(void) { return gtk_init_check(NULL, NULL) && dark(); }

// GTK belongs to the main thread; these may be called from any.
static void rest_soon(void) { g_idle_add(rest, NULL); }
static void load_soon(const char *uri) { g_idle_add(load, g_strdup(uri)); }
static void watch_soon(void) { g_idle_add(watch, NULL); }
*/
import "C"

import (
	"context"
	"os"
	"unsafe"
)

// direct: Wails's own first page is empty here, and the node's is loaded at once.
const direct = true

// restPage ends the closed window's web process; the next load starts a new one.
// An empty page gives nothing back on WebKitGTK. Wails keeps its webview to
// itself, so it is looked up among GTK's windows. Without a process no script
// runs, so loadPage is a real load.
func restPage(context.Context) { C.rest_soon() }

// loadPage goes to url, or "" to the local page.
func loadPage(_ context.Context, url string) {
	if url == "" {
		url = "wails://wails/local"
	}
	c := C.CString(url)
	defer C.free(unsafe.Pointer(c))
	C.load_soon(c)
}

// isDark says whether the page will be dark. It runs on the main goroutine.
func isDark() bool {
	// As Wails does before it starts GTK: X11 where the session does not say otherwise.
	switch session := os.Getenv("XDG_SESSION_TYPE"); {
	case os.Getenv("GDK_BACKEND") != "":
	case session == "", session == "unspecified", session == "x11":
		if err := os.Setenv("GDK_BACKEND", "x11"); err != nil {
			return false
		}
	}
	return C.dark_at_start() != 0
}

// guard has a page loaded again whose process died.
func guard() { C.watch_soon() }
