package preface

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
	"go.uber.org/goleak"

	"pc2/backend/boson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	theKey  = [32]byte{1, 2, 3}
	v4      = netip.MustParseAddrPort("203.0.113.7:54321")
	v6      = netip.MustParseAddrPort("[2001:db8::7]:54321")
	mapped  = netip.MustParseAddrPort("[::ffff:203.0.113.7]:54321")
	h2magic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

func header(t testing.TB, key [32]byte, a netip.AddrPort) []byte {
	t.Helper()
	h, err := Header(key, a)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The proofs were computed by another program.
func TestBytes(t *testing.T) {
	for _, c := range []struct {
		visitor netip.AddrPort
		want    string
	}{
		{netip.AddrPort{}, "0d0a0d0a000d0a515549540a" + "2000" + "0013" + "e00010" + "79ae99e419307c1260b0293c6d6abc01"},
		{v4, "0d0a0d0a000d0a515549540a" + "2111" + "001f" + "cb00710700000000d4310000" + "e00010" + "38cac31be5c170ebf12b0d4c10d06c27"},
	} {
		got := header(t, theKey, c.visitor)
		want, err := hex.DecodeString(c.want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%v: %x", c.visitor, got)
		}
	}
}

func TestThereAndBack(t *testing.T) {
	for _, a := range []netip.AddrPort{{}, v4, v6, mapped} {
		h := header(t, theKey, a)
		got, err := read(bufio.NewReader(bytes.NewReader(append(h, "GET"...))), theKey)
		want := netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if err != nil || got != want {
			t.Errorf("%v: %v, %v", a, got, err)
		}
	}
}

// Both ends of a relay session get the same key.
func TestKeyOfASession(t *testing.T) {
	a, b := boson.NewBoxKey(), boson.NewBoxKey()
	one, err := a.Box(b.Public())
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.Box(a.Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(bufio.NewReader(bytes.NewReader(header(t, one.Derive(KeyInfo), v4))), other.Derive(KeyInfo)); err != nil {
		t.Fatal(err)
	}
}

func refused() map[string]struct {
	bytes []byte
	err   error
} {
	good := func(a netip.AddrPort) []byte { h, _ := Header(theKey, a); return h }
	change := func(i int, v byte) []byte { h := good(v4); h[i] ^= v; return h }
	// signed makes the proof of whoever has the key, over whatever.
	signed := func(h []byte) []byte { return append(append(h, 0xe0, 0, 16), proof(theKey, h)...) }
	raw := func(command, family byte, size int, body ...byte) []byte {
		h := append(bytes.Clone(proxyproto.SIGV2), command, family, byte(size>>8), byte(size))
		return append(h, body...)
	}
	return map[string]struct {
		bytes []byte
		err   error
	}{
		"nothing":                   {nil, ErrStranger},
		"clear HTTP":                {[]byte("GET / HTTP/1.1\r\n\r\n"), ErrStranger},
		"TLS":                       {[]byte{0x16, 3, 1, 0, 5}, ErrStranger},
		"HTTP/2":                    {[]byte(h2magic), ErrStranger},
		"PROXY version 1":           {[]byte("PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n"), ErrStranger},
		"half a signature":          {proxyproto.SIGV2[:6], ErrStranger},
		"a signature alone":         {proxyproto.SIGV2, ErrProof},
		"no proof":                  {raw(0x20, 0, 0), ErrProof},
		"no proof, an address":      {raw(0x21, 0x11, 12, make([]byte, 12)...), ErrProof},
		"another key":               {func() []byte { h, _ := Header([32]byte{9}, v4); return h }(), ErrProof},
		"another address":           {change(16, 1), ErrProof},
		"another command":           {change(12, 1), ErrProof},
		"another length":            {change(15, 1), ErrProof},
		"another proof":             {change(len(good(v4))-1, 1), ErrProof},
		"another proof type":        {change(len(good(v4))-proofTLV, 1), ErrProof},
		"cut":                       {good(v4)[:30], ErrProof},
		"a huge length":             {raw(0x21, 0x11, 60000), ErrProof},
		"LOCAL's proof, an address": {append(raw(0x21, 0x11, 12+proofTLV, make([]byte, 12)...), good(netip.AddrPort{})[fixed:]...), ErrProof},
		"proved, UDP":               {signed(raw(0x21, 0x12, 12+proofTLV, make([]byte, 12)...)), ErrForm},
		"proved, a Unix socket":     {signed(raw(0x21, 0x31, 216+proofTLV, make([]byte, 216)...)), ErrForm},
		"proved, no such command":   {signed(raw(0x22, 0x11, 12+proofTLV, make([]byte, 12)...)), ErrForm},
		"proved, short addresses":   {signed(raw(0x21, 0x21, 12+proofTLV, make([]byte, 12)...)), ErrForm},
	}
}

func TestRefused(t *testing.T) {
	for name, c := range refused() {
		if _, err := read(bufio.NewReader(bytes.NewReader(c.bytes)), theKey); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}

// keyed is a connection of a session, as a relay's are.
type keyed struct {
	net.Conn
	key [32]byte
}

func (k keyed) PrefaceKey() [32]byte { return k.key }

type keyedListener struct{ net.Listener }

func (l keyedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return keyed{c, theKey}, nil
}

// node is a server behind a preface listener; its answers say whose visit it saw.
func node(t *testing.T, cfg Config) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := FromContext(r.Context())
		if !ok {
			t.Error("a request without a visit")
		}
		w.Header().Set("Remote", r.RemoteAddr)
		io.WriteString(w, r.Proto+" "+v.Addr.String())
	})}
	Prepare(s)
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(Listen(keyedListener{inner}, cfg)) }()
	t.Cleanup(func() { s.Close(); <-done })
	return inner.Addr().String()
}

func TestServer(t *testing.T) {
	at := node(t, Config{})
	for _, c := range []struct {
		name, want string
		visitor    netip.AddrPort
		h2         bool
	}{
		{"one visitor", "HTTP/1.1 203.0.113.7:54321", v4, false},
		{"one visitor, IPv6", "HTTP/1.1 [2001:db8::7]:54321", v6, false},
		{"shared", "HTTP/2.0 invalid AddrPort", netip.AddrPort{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := &http.Transport{Protocols: new(http.Protocols), Dial: func(string, string) (net.Conn, error) {
				conn, err := net.Dial("tcp", at)
				if err != nil {
					return nil, err
				}
				return Visitor(conn, theKey, c.visitor)
			}}
			tr.Protocols.SetHTTP1(!c.h2)
			tr.Protocols.SetUnencryptedHTTP2(c.h2)
			defer tr.CloseIdleConnections()
			for range 2 { // the second on the same connection
				res, err := (&http.Client{Transport: tr}).Get("http://node/")
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || string(b) != c.want {
					t.Fatalf("%q, %v", b, err)
				}
				if h, _, err := net.SplitHostPort(res.Header.Get("Remote")); err == nil {
					if _, err := netip.ParseAddr(h); err == nil {
						t.Fatalf("RemoteAddr %q looks like an address", res.Header.Get("Remote"))
					}
				}
			}
		})
	}
}

// A stranger gets no byte, whatever it sends: not even the answer that it is none.
func TestStrangersGetNothing(t *testing.T) {
	at := node(t, Config{Timeout: 300 * time.Millisecond})
	cases := refused()
	cases["proved, then nothing"] = struct {
		bytes []byte
		err   error
	}{header(t, theKey, v4), nil}
	cases["proved, then TLS"] = struct {
		bytes []byte
		err   error
	}{append(header(t, theKey, v4), 0x16, 3, 1), nil}
	for name, c := range cases {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(c.bytes); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := conn.Read(make([]byte, 1))
		var late net.Error
		if n != 0 || err == nil || errors.As(err, &late) && late.Timeout() {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		conn.Close()
	}
}

func TestNoKeyNoConnection(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listen(inner, Config{})
	defer l.Close()
	go l.Accept()
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(header(t, theKey, v4))
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatal(n, err)
	}
}

// The preface and what follows may come in pieces of any size.
func TestByteByByte(t *testing.T) {
	at := node(t, Config{})
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, b := range append(header(t, theKey, v4), "GET / HTTP/1.1\r\nHost: alice\r\n\r\n"...) {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	res.Body.Close()
}

func FuzzPreface(f *testing.F) {
	for _, c := range refused() {
		f.Add(c.bytes)
	}
	for _, a := range []netip.AddrPort{{}, v4, v6} {
		f.Add(header(f, theKey, a))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := read(bufio.NewReader(bytes.NewReader(b)), theKey)
		if err != nil {
			return
		}
		again, err := Header(theKey, a)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(again, theKey); err != nil || got != a {
			t.Fatalf("%v became %v, %v", a, got, err)
		}
	})
}

// FuzzProved gives the decoder what only somebody with the key could send.
func FuzzProved(f *testing.F) {
	for _, a := range []netip.AddrPort{{}, v4, v6} {
		h := header(f, theKey, a)
		f.Add(h[:len(h)-proofTLV])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h := append(append(bytes.Clone(b), 0xe0, 0, 16), proof(theKey, b)...)
		if a, err := read(bufio.NewReader(bytes.NewReader(h)), theKey); err == nil && a.IsValid() && a.Addr().Is4In6() {
			t.Fatal("a mapped address")
		}
	})
}
