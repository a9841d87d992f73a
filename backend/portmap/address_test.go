package portmap

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	for a, want := range map[string]bool{
		"8.8.4.4": true, "25.25.25.1": true, "100.63.255.255": true, "100.128.0.0": true, "223.255.255.255": true,
		"0.0.0.0": false, "10.1.2.3": false, "100.64.0.1": false, "100.127.255.255": false, "127.0.0.1": false, "169.254.1.1": false,
		"172.16.0.1": false, "192.0.0.1": false, "192.0.2.1": false, "192.168.1.1": false, "198.18.0.1": false, "198.51.100.1": false,
		"203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false, "::ffff:8.8.4.4": true, "2001:db8::1": false,
	} {
		if got := public(netip.MustParseAddr(a)); got != want {
			t.Errorf("public(%s) = %v", a, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestLocation(t *testing.T) {
	gw := netip.MustParseAddr("192.168.77.1")
	answer := func(status, location string) []byte {
		return []byte("HTTP/1.1 " + status + "\r\nST: x\r\nlocation: " + location + "\r\n\r\n")
	}
	good := answer("200 OK", "http://192.168.77.1:5000/rootDesc.xml")
	if u, err := ssdpLocation(good, gw); err != nil || u.Path != "/rootDesc.xml" {
		t.Errorf("got %v, %v", u, err)
	}
	for name, b := range map[string][]byte{
		"another host":     answer("200 OK", "http://192.168.77.2:5000/rootDesc.xml"),
		"a name":           answer("200 OK", "http://router.lan/rootDesc.xml"),
		"https":            answer("200 OK", "https://192.168.77.1/rootDesc.xml"),
		"with a password":  answer("200 OK", "http://a:b@192.168.77.1/"),
		"behind an at":     answer("200 OK", "http://192.168.77.1@evil.example/"),
		"not found":        answer("404 Not Found", "http://192.168.77.1:5000/rootDesc.xml"),
		"no location":      []byte("HTTP/1.1 200 OK\r\n\r\n"),
		"a search":         []byte("M-SEARCH * HTTP/1.1\r\n\r\n"),
		"nothing":          nil,
		"another notation": answer("200 OK", "http://3232255233/"),
		"mapped":           answer("200 OK", "http://[::ffff:192.168.77.1]/"),
	} {
		if u, err := ssdpLocation(b, gw); err == nil {
			t.Errorf("%s: %v", name, u)
		}
	}
}

func FuzzLocation(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nLOCATION: http://192.168.77.1:5000/rootDesc.xml\r\n\r\n"))
	gw := netip.MustParseAddr("192.168.77.1")
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := ssdpLocation(b, gw)
		if err == nil && (u.Scheme != "http" || u.Hostname() != gw.String()) {
			t.Errorf("leads to %s", u)
		}
	})
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><root xmlns="urn:schemas-upnp-org:device-1-0"><URLBase>http://192.168.77.1/</URLBase><device><friendlyName>` + "\xfc" + `</friendlyName></device></root>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := parseDescription(bytes.NewReader(b))
		if err == nil && root == nil {
			t.Error("neither a description nor an error")
		}
	})
}

func TestLimitedBody(t *testing.T) {
	b := &limitedBody{ReadCloser: io.NopCloser(strings.NewReader(strings.Repeat("x", 100))), left: 99}
	got, err := io.ReadAll(b)
	if len(got) != 99 || !errors.Is(err, errTooLong) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// What a router says cannot forge lines of the log.
func TestClipped(t *testing.T) {
	err := clipped(errors.New("a\nb\x1b[31m" + strings.Repeat("ü", 1000)))
	if s := err.Error(); strings.ContainsAny(s, "\n\x1b") || len(s) > 1300 {
		t.Errorf("%q", s)
	}
}
