package portmap

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// entry is a port mapping of a fakeRouter.
type entry struct {
	client  string
	port    int
	lease   int
	comment string
}

// fakeRouter is a home router on an address of its own in 127.0.0.0/8: a device
// that speaks the real protocols, and can be told to misbehave.
type fakeRouter struct {
	t     *testing.T
	gw    netip.Addr
	ssdp  *net.UDPConn
	upnp  *httptest.Server
	calls *recorder

	mu       sync.Mutex
	external string
	entries  map[int]entry
	version  int                                                             // of the WANIPConnection service
	answer   func(action string, args map[string]string) (code int, ok bool) // instead of doing it
	location string                                                          // in answers to searches; "": the description
	describe http.HandlerFunc                                                // instead of the description
	control  http.HandlerFunc                                                // instead of the service
	urlBase  string
	extra    string // more services
}

// recorder keeps what a router was asked.
type recorder struct {
	mu  sync.Mutex
	all []string
}

func (r *recorder) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
}

func (r *recorder) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

func (r *recorder) count(s string) int {
	n := 0
	for _, c := range r.list() {
		if c == s {
			n++
		}
	}
	return n
}

// loopbackAddr is a random address of the loopback network, so that fixed ports are free.
func loopbackAddr() netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + rand.N(250)), byte(rand.N(250)), byte(1 + rand.N(250))})
}

// newRouter starts a router that answers nothing yet.
func newRouter(t *testing.T) *fakeRouter {
	t.Helper()
	return &fakeRouter{
		t: t, gw: loopbackAddr(), calls: &recorder{}, external: "8.8.4.4", entries: map[int]entry{}, version: 1,
	}
}

// client of the router; SSDP is asked at its port.
func (r *fakeRouter) client(cfg Config) *Client {
	local := netip.MustParseAddr("127.0.0.1")
	cfg.Gateway = func() (netip.Addr, netip.Addr, error) { return r.gw, local, nil }
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(testWriter{r.t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	c := New(cfg)
	if r.ssdp != nil {
		c.ports.ssdp = r.ssdp.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	} else {
		c.ports.ssdp = 1 // nobody listens
	}
	return c
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}

func (r *fakeRouter) listenUDP(port int) *net.UDPConn {
	r.t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: r.gw.AsSlice(), Port: port})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

// serveUDP answers each datagram with what answer makes of it.
func (r *fakeRouter) serveUDP(port int, answer func([]byte) [][]byte) *net.UDPConn {
	conn := r.listenUDP(port)
	done := make(chan struct{})
	r.t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, a := range answer(slices.Clone(buf[:n])) {
				conn.WriteTo(a, from)
			}
		}
	}()
	return conn
}

// withUPnP adds UPnP IGD.
func (r *fakeRouter) withUPnP() *fakeRouter {
	l, err := net.Listen("tcp4", netip.AddrPortFrom(r.gw, 0).String())
	if err != nil {
		r.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/desc.xml", r.serveDescription)
	mux.HandleFunc("/ctl", r.serveControl)
	r.upnp = &httptest.Server{Listener: l, Config: &http.Server{Handler: mux, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}}
	r.upnp.Start()
	r.t.Cleanup(r.upnp.Close)
	r.ssdp = r.serveUDP(0, func(b []byte) [][]byte {
		r.mu.Lock()
		defer r.mu.Unlock()
		location := r.location
		if location == "" {
			location = r.upnp.URL + "/desc.xml"
		}
		return [][]byte{fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: x\r\nUSN: uuid:1::x\r\nEXT:\r\nLOCATION: %s\r\n\r\n", location)}
	})
	return r
}

func (r *fakeRouter) serveDescription(w http.ResponseWriter, q *http.Request) {
	r.calls.add("description")
	r.mu.Lock()
	describe, version, base, extra := r.describe, r.version, r.urlBase, r.extra
	r.mu.Unlock()
	if describe != nil {
		describe(w, q)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="ISO-8859-1"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>%s
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:%[2]d</deviceType><friendlyName>R`+"\xfc"+`ter</friendlyName>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:%[2]d</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:%[2]d</deviceType>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:%[2]d</serviceType><controlURL>/ctl</controlURL></service>%s</serviceList>
</device></deviceList></device></deviceList></device></root>`, base, version, extra)
}

var soapArg = regexp.MustCompile(`<(New\w+)>([^<]*)</`)

func (r *fakeRouter) serveControl(w http.ResponseWriter, q *http.Request) {
	_, action, _ := strings.Cut(strings.Trim(q.Header.Get("SOAPACTION"), `"`), "#")
	r.calls.add(action)
	body, _ := io.ReadAll(q.Body)
	args := map[string]string{}
	for _, m := range soapArg.FindAllStringSubmatch(string(body), -1) {
		args[m[1]] = m[2]
	}
	r.mu.Lock()
	control := r.control
	r.mu.Unlock()
	if control != nil {
		control(w, q)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	code, instead := 0, false
	if r.answer != nil {
		code, instead = r.answer(action, args)
	}
	out := map[string]string{}
	if !instead {
		code = r.do(action, args, out)
	}
	w.Header().Set("Content-Type", `text/xml; charset="utf-8"`)
	const open, shut = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>`, `</s:Body></s:Envelope>`
	if code != 0 {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, open+`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode><errorDescription>no</errorDescription></UPnPError></detail></s:Fault>`+shut, code)
		return
	}
	fmt.Fprintf(w, open+`<u:%sResponse xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:%d">`, action, r.version)
	for k, v := range out {
		fmt.Fprintf(w, "<%s>%s</%s>", k, v, k)
	}
	fmt.Fprintf(w, `</u:%sResponse>`+shut, action)
}

// do does an action as a decent router would. The caller holds mu.
func (r *fakeRouter) do(action string, args, out map[string]string) (code int) {
	num := func(k string) (n int) { fmt.Sscan(args[k], &n); return n }
	tell := func(e entry) {
		out["NewInternalPort"], out["NewInternalClient"], out["NewEnabled"] = fmt.Sprint(e.port), e.client, "1"
		out["NewPortMappingDescription"], out["NewLeaseDuration"] = e.comment, fmt.Sprint(e.lease)
	}
	external := num("NewExternalPort")
	held, taken := r.entries[external]
	switch action {
	case "GetExternalIPAddress":
		out["NewExternalIPAddress"] = r.external
	case "AddPortMapping", "AddAnyPortMapping":
		e := entry{args["NewInternalClient"], num("NewInternalPort"), num("NewLeaseDuration"), args["NewPortMappingDescription"]}
		for action == "AddAnyPortMapping" && taken {
			external++
			held, taken = r.entries[external]
		}
		if taken && (held.client != e.client || held.port != e.port) {
			return codeConflict
		}
		r.entries[external] = e
		out["NewReservedPort"] = fmt.Sprint(external)
	case "DeletePortMapping":
		if !taken {
			return codeNoSuchEntry
		}
		delete(r.entries, external)
	case "GetSpecificPortMappingEntry":
		if !taken {
			return codeNoSuchEntry
		}
		tell(held)
	case "GetGenericPortMappingEntry":
		ports := slices.Sorted(maps.Keys(r.entries))
		i := num("NewPortMappingIndex")
		if i >= len(ports) {
			return 713
		}
		tell(r.entries[ports[i]])
		out["NewExternalPort"], out["NewProtocol"] = fmt.Sprint(ports[i]), protocolTCP
	default:
		return 401
	}
	return 0
}

func (r *fakeRouter) with(change func(*fakeRouter)) *fakeRouter {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
	return r
}

func (r *fakeRouter) mapped() map[int]entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.entries)
}

const pmpPort = 5351 // the library knows no other

// withNATPMP adds NAT-PMP (RFC 6886), which gives the port that is wanted, or the
// next one that is free.
func (r *fakeRouter) withNATPMP() *fakeRouter {
	r.serveUDP(pmpPort, r.natpmp)
	return r
}

func (r *fakeRouter) natpmp(b []byte) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(b) < 2 || b[0] != 0 { // a version that it does not know
		return [][]byte{{0, 0, 0, 1, 0, 0, 0, 0}}
	}
	out := []byte{0, b[1] | 0x80, 0, 0, 0, 0, 0, 1}
	switch b[1] {
	case 0:
		r.calls.add("nat-pmp address")
		a := netip.MustParseAddr(r.external).As4()
		return [][]byte{append(out, a[:]...)}
	case 2:
		r.calls.add("nat-pmp map")
		port, want, life := int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:])), binary.BigEndian.Uint32(b[8:])
		external, lifetime := r.assign(port, want, life)
		out = binary.BigEndian.AppendUint16(out, uint16(port))
		out = binary.BigEndian.AppendUint16(out, uint16(external))
		return [][]byte{binary.BigEndian.AppendUint32(out, lifetime)}
	}
	return nil
}

// assign is what NAT-PMP and PCP do. The caller holds mu.
func (r *fakeRouter) assign(port, want int, life uint32) (external int, lifetime uint32) {
	const us = "127.0.0.1"
	for p, e := range r.entries {
		if e.client == us && e.port == port {
			want = p
			delete(r.entries, p)
		}
	}
	if life == 0 {
		return 0, 0
	}
	for r.entries[want].client != "" {
		want++
	}
	r.entries[want] = entry{us, port, int(life), "udp"}
	return want, life
}

// withPCP adds PCP, and NAT-PMP beside it on the same port.
func (r *fakeRouter) withPCP() *fakeRouter {
	nonces := map[int]string{}
	r.serveUDP(pmpPort, func(b []byte) [][]byte {
		if len(b) < pcpHeader || b[0] != pcpVersion {
			return r.natpmp(b)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		out := slices.Clone(b)
		out[1] |= pcpResponse
		clear(out[2:4])
		clear(out[8:24])
		if b[1] == pcpAnnounce {
			r.calls.add("pcp announce")
			return [][]byte{out}
		}
		r.calls.add("pcp map")
		port, want, life := int(binary.BigEndian.Uint16(b[40:])), int(binary.BigEndian.Uint16(b[42:])), binary.BigEndian.Uint32(b[4:])
		if n, ok := nonces[port]; ok && n != string(b[24:36]) {
			out[3] = byte(pcpNotAuthorized)
			return [][]byte{out}
		}
		nonces[port] = string(b[24:36])
		external, lifetime := r.assign(port, want, life)
		if lifetime == 0 {
			delete(nonces, port)
		}
		binary.BigEndian.PutUint32(out[4:], lifetime)
		binary.BigEndian.PutUint16(out[42:], uint16(external))
		a := netip.MustParseAddr(r.external).As16()
		copy(out[44:], a[:])
		return [][]byte{out}
	})
	return r
}

// run keeps m in the background. ended gives the result of Run; stop ends it.
func run(t *testing.T, m *Mapping) (ended <-chan error, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := make(chan error, 1)
	go func() { c <- m.Run(ctx) }()
	return c, func() error { cancel(); return wait(t, c) }
}

func wait(t *testing.T, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(time.Minute):
		t.Fatal("Run has not ended")
		return nil
	}
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
