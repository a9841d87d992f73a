package portmap

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The bytes of RFC 6887, 7.1 and 11.1, by hand.
func TestPCPRequest(t *testing.T) {
	got := pcpRequest{
		local: netip.MustParseAddr("192.168.77.2"), lifetime: 3600, nonce: pcpNonce([]byte("twelve bytes")), port: 4433,
		suggest: netip.MustParseAddrPort("25.25.25.1:4434"),
	}.marshal()
	want := "02010000" + "00000e10" + "00000000000000000000ffffc0a84d02" + // header
		hex.EncodeToString([]byte("twelve bytes")) + "06000000" + "1151" + "1152" + "00000000000000000000ffff19191901"
	if hex.EncodeToString(got) != want {
		t.Errorf("got  %x\nwant %s", got, want)
	}
}

// pcpReply is what a router answers to a MAP request, with more behind it.
func pcpReply(t *testing.T, more string) []byte {
	t.Helper()
	b, err := hex.DecodeString("02810000" + "00000078" + "0000002a" + strings.Repeat("00", 12) +
		hex.EncodeToString([]byte("twelve bytes")) + "06000000" + "1151" + "1152" + "00000000000000000000ffff19191901" + more)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParsePCP(t *testing.T) {
	want := pcpAnswer{
		opcode: pcpMap, lifetime: 120, epoch: 42, nonce: pcpNonce([]byte("twelve bytes")), port: 4433,
		external: netip.MustParseAddrPort("25.25.25.1:4434"),
	}
	for name, more := range map[string]string{"plain": "", "with options": "0100000401020304" + "02000000", "with an odd option": "0100000501020304" + "05000000"} {
		if got, err := parsePCP(pcpReply(t, more)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	refused := pcpReply(t, "")
	refused[3] = 8
	if got, err := parsePCP(refused); err != nil || got.result.String() != "no resources" {
		t.Errorf("got %+v, %v", got, err)
	}
	change := func(at int, b byte) []byte {
		r := pcpReply(t, "")
		r[at] = b
		return r
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, errPCPShort},
		{"a byte", []byte{2}, errPCPShort},
		{"nat-pmp", []byte{0, 0x81, 0, 1, 0, 0, 0, 0}, errPCPVersion},
		{"version 1", change(0, 1), errPCPAnswer},
		{"a request", change(1, 1), errPCPAnswer},
		{"another opcode", change(1, 0x82), errPCPAnswer},
		{"udp", change(36, 17), errPCPAnswer},
		{"cut in the header", pcpReply(t, "")[:20], errPCPShort},
		{"cut behind it", pcpReply(t, "")[:56], errPCPShort},
		{"not of four", pcpReply(t, "00"), errPCPShort},
		{"an option cut off", pcpReply(t, "01000008"+"00000000"), errPCPOption},
		{"too long", pcpReply(t, strings.Repeat("00000000", 300)), errPCPShort},
	} {
		if _, err := parsePCP(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzParsePCP(f *testing.F) {
	f.Add([]byte{0, 0x81, 0, 1})
	f.Add(pcpHead(pcpAnnounce|pcpResponse, 0, netip.MustParseAddr("192.168.77.2")))
	reply, _ := hex.DecodeString("028100000000007800000000" + strings.Repeat("00", 12) + strings.Repeat("11", 12) + "06000000" + "1151" + "1152" + "00000000000000000000ffff19191901" + "0100000401020304")
	f.Add(reply)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parsePCP(b)
		if err != nil {
			return
		}
		if a.opcode == pcpAnnounce {
			return
		}
		// What is understood is written as it was read.
		again := pcpRequest{local: netip.IPv4Unspecified(), lifetime: a.lifetime, nonce: a.nonce, port: a.port, suggest: a.external}.marshal()
		if !bytes.Equal(again[4:8], b[4:8]) || !bytes.Equal(again[24:37], b[24:37]) || !bytes.Equal(again[40:60], b[40:60]) {
			t.Errorf("%x\n%x", b, again)
		}
	})
}

// Among other datagrams the right answer is found, and no other taken for it.
func TestPCPAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func([]byte)
	}{
		{"another's nonce", func(b []byte) { b[24]++ }},
		{"another port", func(b []byte) { b[41]++ }},
		{"another opcode", func(b []byte) { b[1]++ }},
		{"a request", func(b []byte) { b[1] &^= pcpResponse }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRouter(t)
			r.serveUDP(pmpPort, func(b []byte) [][]byte {
				if b[0] != pcpVersion {
					return nil
				}
				good := slices.Clone(b)
				good[1] |= pcpResponse
				if len(b) < pcpMapSize {
					return [][]byte{good}
				}
				a := netip.MustParseAddr("8.8.4.4").As16()
				copy(good[44:], a[:])
				bad := slices.Clone(good)
				binary.BigEndian.PutUint16(bad[42:], 6666)
				c.change(bad)
				return [][]byte{{}, []byte("garbage"), bad, good}
			})
			m, err := r.client(Config{}).Map(t.Context(), 4433)
			if err != nil || m.External() != netip.MustParseAddrPort("8.8.4.4:4433") {
				t.Errorf("got %v, %v", m, err)
			}
		})
	}
}

func TestPCPGrantsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func([]byte)
	}{
		{"no port", func(b []byte) { clear(b[42:44]) }},
		{"no time", func(b []byte) { clear(b[4:8]) }},
		{"an address of another kind", func(b []byte) { copy(b[44:], []byte{0x20, 1}) }},
		{"refused", func(b []byte) { b[3] = byte(pcpNotAuthorized) }},
		{"an unknown refusal", func(b []byte) { b[3] = 200 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRouter(t)
			r.serveUDP(pmpPort, func(b []byte) [][]byte {
				if b[0] != pcpVersion {
					return [][]byte{{0, b[1] | 0x80, 0, 5, 0, 0, 0, 0}}
				}
				b[1] |= pcpResponse
				if len(b) == pcpMapSize {
					c.change(b)
				}
				return [][]byte{b}
			})
			if _, err := r.client(Config{}).Map(t.Context(), 4433); !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
		})
	}
}

func TestEpoch(t *testing.T) {
	var e epoch
	now := time.Now()
	for _, c := range []struct {
		seconds   uint32
		after     time.Duration
		restarted bool
	}{
		{1000, 0, false}, // the first says nothing
		{1030, 30 * time.Second, false},
		{1027, 0, true},                // backwards
		{1028, 3 * time.Second, false}, // a slow clock
		{1088, 60 * time.Second, false},
		{5, 30 * time.Second, true},
		{35, 30 * time.Second, false},
	} {
		now = now.Add(c.after)
		if got := e.restarted(c.seconds, now); got != c.restarted {
			t.Errorf("%d after %s: %v", c.seconds, c.after, got)
		}
	}
}

// A router that knows PCP alone is asked how it is by ANNOUNCE; when it was
// restarted, the port is asked for again.
func TestPCPAlone(t *testing.T) {
	t.Parallel()
	r := newRouter(t)
	var epoch, maps, announces atomic.Uint32
	epoch.Store(5000)
	r.serveUDP(pmpPort, func(b []byte) [][]byte {
		if b[0] != pcpVersion {
			return nil
		}
		b[1] |= pcpResponse
		clear(b[8:24])
		binary.BigEndian.PutUint32(b[8:], epoch.Load())
		if len(b) < pcpMapSize {
			announces.Add(1)
			return [][]byte{b}
		}
		maps.Add(1)
		a := netip.MustParseAddr("8.8.4.4").As16()
		copy(b[44:], a[:])
		if binary.BigEndian.Uint32(b[4:]) != 0 {
			binary.BigEndian.PutUint16(b[42:], 4433)
		}
		return [][]byte{b}
	})
	m, err := r.client(Config{Check: time.Second}).Map(t.Context(), 4433)
	if err != nil {
		t.Fatal(err)
	}
	m.ask.again = time.Hour // only a restart is a reason
	_, stop := run(t, m)
	eventually(t, "looked", func() bool { return announces.Load() >= 3 })
	if n := maps.Load(); n != 1 {
		t.Errorf("asked for the port %d times", n)
	}
	epoch.Store(1)
	eventually(t, "asked again", func() bool { return maps.Load() == 2 })
	if err := stop(); err != nil || maps.Load() != 3 {
		t.Errorf("%v, %d requests", err, maps.Load())
	}
}
