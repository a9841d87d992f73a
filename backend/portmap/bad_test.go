package portmap

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// trap is another host, which must never be spoken to.
func trap(t *testing.T) (at netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(loopbackAddr(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	var met atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			met.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		if n := met.Load(); n != 0 {
			t.Errorf("another host than the router was contacted %d times", n)
		}
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// forever writes until the other side has enough.
func forever(w http.ResponseWriter, q *http.Request, head, again string) {
	w.Header().Set("Content-Type", "text/xml")
	io.WriteString(w, head)
	for {
		if _, err := io.WriteString(w, strings.Repeat(again, 100)); err != nil {
			return
		}
	}
}

// hang answers nothing until the other side gives up.
func hang(w http.ResponseWriter, q *http.Request) { <-q.Context().Done() }

func TestBadRouters(t *testing.T) {
	t.Parallel()
	const root = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>`
	service := func(control string) string {
		return root + `<serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>` + control + `</controlURL></service></serviceList></device></root>`
	}
	say := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) }
	}
	for _, c := range []struct {
		name string
		bad  func(r *fakeRouter, elsewhere netip.AddrPort)
		want error
	}{
		{"garbage for a description", func(r *fakeRouter, _ netip.AddrPort) { r.describe = say("\x00\xff<<<") }, ErrNone},
		{"an empty description", func(r *fakeRouter, _ netip.AddrPort) { r.describe = say("") }, ErrNone},
		{"a description without services", func(r *fakeRouter, _ netip.AddrPort) { r.describe = say(root + "</device></root>") }, ErrNone},
		{"a description that does not end", func(r *fakeRouter, _ netip.AddrPort) {
			r.describe = func(w http.ResponseWriter, q *http.Request) {
				forever(w, q, root, "<deviceList><device><friendlyName>x</friendlyName>")
			}
		}, ErrNone},
		{"a description of one endless word", func(r *fakeRouter, _ netip.AddrPort) {
			r.describe = func(w http.ResponseWriter, q *http.Request) { forever(w, q, root+"<friendlyName>", "a") }
		}, ErrNone},
		{"a description that promises gigabytes", func(r *fakeRouter, _ netip.AddrPort) {
			r.describe = func(w http.ResponseWriter, q *http.Request) {
				w.Header().Set("Content-Length", "4000000000")
				hang(w, q)
			}
		}, ErrNone},
		{"a description byte by byte", func(r *fakeRouter, _ netip.AddrPort) {
			r.describe = func(w http.ResponseWriter, q *http.Request) {
				for q.Context().Err() == nil {
					io.WriteString(w, " ")
					http.NewResponseController(w).Flush()
					time.Sleep(10 * time.Millisecond)
				}
			}
		}, ErrNone},
		{"a description that does not come", func(r *fakeRouter, _ netip.AddrPort) { r.describe = hang }, ErrNone},
		{"headers that do not end", func(r *fakeRouter, _ netip.AddrPort) {
			r.describe = func(w http.ResponseWriter, _ *http.Request) {
				for i := range 4000 {
					w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 100))
				}
			}
		}, ErrNone},
		{"a description elsewhere", func(r *fakeRouter, to netip.AddrPort) { r.location = "http://" + to.String() + "/desc.xml" }, ErrNone},
		{"a description at a name", func(r *fakeRouter, to netip.AddrPort) {
			r.location = fmt.Sprintf("http://localhost:%d/desc.xml", to.Port())
		}, ErrNone},
		{"a description by another protocol", func(r *fakeRouter, _ netip.AddrPort) { r.location = "file:///etc/passwd" }, ErrNone},
		{"a search answered with garbage", func(r *fakeRouter, _ netip.AddrPort) { r.location = "\x00%zz\r\n\r\n" }, ErrNone},
		{"a description moved elsewhere", func(r *fakeRouter, to netip.AddrPort) {
			r.describe = http.RedirectHandler("http://"+to.String()+"/", http.StatusFound).ServeHTTP
		}, ErrNone},
		{"a service elsewhere", func(r *fakeRouter, to netip.AddrPort) { r.describe = say(service("http://" + to.String() + "/ctl")) }, ErrNone},
		{"a service without address", func(r *fakeRouter, _ netip.AddrPort) { r.describe = say(service("http://[::")) }, ErrNone},
		{"a service moved elsewhere", func(r *fakeRouter, to netip.AddrPort) {
			r.control = http.RedirectHandler("http://"+to.String()+"/", http.StatusTemporaryRedirect).ServeHTTP
		}, ErrNone},
		{"garbage from the service", func(r *fakeRouter, _ netip.AddrPort) { r.control = say("\xff<s:Envelope") }, ErrNone},
		{"an endless answer from the service", func(r *fakeRouter, _ netip.AddrPort) {
			r.control = func(w http.ResponseWriter, q *http.Request) {
				forever(w, q, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><a>`, "x")
			}
		}, ErrNone},
		{"a service that hangs", func(r *fakeRouter, _ netip.AddrPort) { r.control = hang }, ErrNone},
		{"a no to everything", func(r *fakeRouter, _ netip.AddrPort) {
			r.answer = func(string, map[string]string) (int, bool) { return 501, true }
		}, ErrRefused},
		{"all ports taken", func(r *fakeRouter, _ netip.AddrPort) {
			r.answer = func(a string, _ map[string]string) (int, bool) { return codeConflict, a == "AddPortMapping" }
		}, ErrRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRouter(t).withUPnP()
			to := trap(t)
			r.with(func(r *fakeRouter) { c.bad(r, to) })
			start := time.Now()
			_, err := r.client(Config{}).Map(t.Context(), 4433)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && len(err.Error()) > 4000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			t.Logf("after %s: %v", time.Since(start).Round(time.Millisecond), err)
		})
	}
}

// A router that hangs in one language does not keep us from another.
func TestHangsInOneLanguage(t *testing.T) {
	t.Parallel()
	r := newRouter(t).withUPnP().withNATPMP()
	r.with(func(r *fakeRouter) { r.control = hang })
	m, err := r.client(Config{}).Map(t.Context(), 4433)
	if err != nil || m.Method() != NATPMP {
		t.Errorf("got %v, %v", m, err)
	}
}

// The router's idea of its own address may be wrong, and its descriptions odd.
func TestOddRouters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		odd  func(r *fakeRouter, elsewhere netip.AddrPort)
	}{
		{"a base address elsewhere", func(r *fakeRouter, to netip.AddrPort) { r.urlBase = "<URLBase>http://" + to.String() + "/</URLBase>" }},
		{"a base address that is none", func(r *fakeRouter, _ netip.AddrPort) { r.urlBase = "<URLBase>:::</URLBase>" }},
		{"a second service that is dead", func(r *fakeRouter, to netip.AddrPort) {
			r.extra = `<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType><controlURL>/nowhere</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType><controlURL>http://` + to.String() + `/</controlURL></service>`
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRouter(t).withUPnP()
			to := trap(t)
			r.with(func(r *fakeRouter) { c.odd(r, to) })
			if _, err := r.client(Config{}).Map(t.Context(), 4433); err != nil {
				t.Error(err)
			}
		})
	}
}

// Of two services the one with a public address is taken, whichever is listed first.
func TestOneOfTwoServices(t *testing.T) {
	t.Parallel()
	r := newRouter(t).withUPnP()
	second := newRouter(t) // the same device's other line
	other := httptest.NewUnstartedServer(http.HandlerFunc(second.serveControl))
	l, err := net.Listen("tcp4", netip.AddrPortFrom(r.gw, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	other.Listener.Close()
	other.Listener = l
	other.Start()
	t.Cleanup(other.Close)
	r.with(func(r *fakeRouter) {
		r.external = "10.0.0.1"
		r.extra = `<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType><controlURL>` + other.URL + `/ctl</controlURL></service>`
	})
	m, err := r.client(Config{}).Map(t.Context(), 4433)
	if err != nil || m.External() != netip.MustParseAddrPort("8.8.4.4:4433") {
		t.Fatalf("got %v, %v", m, err)
	}
	if len(r.mapped()) != 0 || len(second.mapped()) != 1 {
		t.Errorf("mapped %v and %v", r.mapped(), second.mapped())
	}
}

// Somebody else in the network answers the search.
func TestAnswerOfAnotherHost(t *testing.T) {
	t.Parallel()
	r := newRouter(t)
	stranger := newRouter(t).withUPnP()
	r.ssdp = r.listenUDP(0)
	from := stranger.listenUDP(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			_, to, err := r.ssdp.ReadFrom(buf)
			if err != nil {
				return
			}
			fmt.Fprintf(writerTo{from, to}, "HTTP/1.1 200 OK\r\nLOCATION: %s/desc.xml\r\n\r\n", stranger.upnp.URL)
		}
	}()
	if _, err := r.client(Config{}).Map(t.Context(), 4433); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	r.ssdp.Close()
	<-done
	if asked := stranger.calls.list(); len(asked) != 0 {
		t.Errorf("the stranger was asked %v", asked)
	}
}

type writerTo struct {
	conn *net.UDPConn
	to   net.Addr
}

func (w writerTo) Write(p []byte) (int, error) { return w.conn.WriteTo(p, w.to) }

// Whatever led there: the client connects to the router alone.
func TestWebClientElsewhere(t *testing.T) {
	t.Parallel()
	r := router{gw: loopbackAddr(), local: netip.MustParseAddr("127.0.0.1")}
	to := trap(t)
	for _, host := range []string{to.String(), fmt.Sprintf("localhost:%d", to.Port()), fmt.Sprintf("[::1]:%d", to.Port())} {
		if res, err := webClient(r).Get("http://" + host + "/"); !errors.Is(err, errElsewhere) {
			t.Errorf("%s: %v, %v", host, res, err)
		}
	}
}
