package activeproxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"

	"pc2/backend/boson"
)

func TestFrameTable(t *testing.T) {
	// boson.md 3.2, written once more.
	want := map[kind][2]int{
		auth: {0x00, 0x07}, attach: {0x08, 0x0f}, ping: {0x10, 0x1f}, connect: {0x20, 0x2f}, disconnect: {0x30, 0x3f},
		data: {0x40, 0x6f}, failure: {0x70, 0x7f}, authAck: {0x80, 0x87}, attachAck: {0x88, 0x8f}, pingAck: {0x90, 0x9f},
		connectAck: {0xa0, 0xaf}, disconnectAck: {0xb0, 0xbf},
	}
	for code := range 256 {
		k := invalid
		for candidate, r := range want {
			if r[0] <= code && code <= r[1] {
				k = candidate
			}
		}
		if got := kindOf(byte(code)); got != k {
			t.Errorf("0x%02x is %s, want %s", code, got, k)
		}
	}
}

// Padded packets stay within the next multiple of 256, and codes and lengths
// are spread over all they may be.
func TestPaddingAndCodes(t *testing.T) {
	peer := boson.NewContext(peerBox(t))
	packets := map[kind]func() []byte{
		auth:   func() []byte { return authBody{}.encode(boson.ID{}, peer, dice{}) },
		attach: func() []byte { return attachBody{}.encode(boson.ID{}, peer, dice{}) },
		authAck: func() []byte {
			return authAckBody{endpoint: "203.0.113.10:25000", named: "alice.example.org"}.encode(peer, dice{})
		},
		connect:    func() []byte { return encodeConnect(netip.MustParseAddrPort("192.0.2.1:1"), peer, dice{}) },
		connectAck: func() []byte { return encodeConnectAck(true, dice{}) },
	}
	for _, k := range []kind{attachAck, ping, pingAck, disconnect, disconnectAck} {
		packets[k] = func() []byte { return appendBare(nil, k, dice{}) }
	}
	for k, packet := range packets {
		codes, sizes := map[byte]bool{}, map[int]bool{}
		for range 2000 {
			p := packet()
			size, got, err := header(p)
			if got != k || size != len(p) || err != nil {
				t.Fatalf("%s of %d bytes, %v", got, size, err)
			}
			if size > (frames[k].min+255)&^255 {
				t.Fatalf("%s of %d bytes", k, size)
			}
			codes[p[2]], sizes[size] = true, true
		}
		if n := int(frames[k].last-frames[k].first) + 1; len(codes) != n {
			t.Errorf("%s: %d codes of %d", k, len(codes), n)
		}
		base := frames[k].min
		if k == authAck {
			base += len("203.0.113.10:25000") + len("alice.example.org")
		}
		if n := room(base) + 1; len(sizes) < n*9/10 || len(sizes) > n {
			t.Errorf("%s: %d sizes of %d", k, len(sizes), n)
		}
	}
	if room(256) != 0 || room(257) != 255 || room(3) != 253 || room(206) != 50 {
		t.Error("room")
	}
	lengths := map[int]bool{}
	for range 5000 {
		c := newChallenge()
		lengths[len(c)] = true
	}
	if len(lengths) != maxChallenge-minChallenge+1 {
		t.Errorf("%d lengths of challenges", len(lengths))
	}
}

func TestVisitorAddresses(t *testing.T) {
	peer := boson.NewContext(peerBox(t))
	for in, out := range map[string]string{
		"198.51.100.7:50000": "", "[2001:db8::7]:1": "", "[::ffff:192.0.2.1]:80": "192.0.2.1:80", "[fe80::1%eth0]:9": "[fe80::1]:9",
	} {
		if out == "" {
			out = in
		}
		plain, err := peer.Open(nil, encodeConnect(netip.MustParseAddrPort(in), peer, dice{})[headerSize:])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeConnect(plain); err != nil || got.String() != out {
			t.Errorf("%s is %s, %v", in, got, err)
		}
	}
	plain, _ := peer.Open(nil, encodeConnect(netip.AddrPort{}, peer, dice{})[headerSize:])
	if got, err := decodeConnect(plain); err != nil || got.String() != "0.0.0.0:0" {
		t.Errorf("nobody is %s, %v", got, err)
	}
}

func nonceAt(high byte, low uint64) (n boson.Nonce) {
	binary.LittleEndian.PutUint64(n[:], low)
	n[23] = high
	return n
}

func TestSeen(t *testing.T) {
	var s seen
	for _, x := range []struct {
		low uint64
		new bool
	}{
		{100, true}, {100, false}, {101, true}, {103, true}, {101, false}, {102, true}, {102, false}, {103, false},
		{99, true}, {99, false}, {1 << 63, true}, {0, true}, {0, false}, {1<<64 - 1, true}, {1<<64 - 1, false},
		{1<<64 - 2, true}, {1, true}, {0, false}, {98, true}, {104, true}, {100, false},
	} {
		if got := s.add(nonceAt(0, x.low)); got != x.new {
			t.Errorf("%d: new %t", x.low, got)
		}
	}
	if want := []run{{0, 1}, {98, 104}, {1 << 63, 1 << 63}, {1<<64 - 2, 1<<64 - 1}}; !slices.Equal(s.runs, want) {
		t.Errorf("runs %v", s.runs)
	}
	// Another sequence, as of a sender with random nonces, is let through.
	for range 2 {
		if !s.add(nonceAt(7, 100)) {
			t.Error("a random nonce is refused")
		}
	}
}

// Against a plain set, in the order in which many connections deliver.
func TestSeenModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s seen
	model := map[uint64]bool{}
	next := uint64(1000)
	var late []uint64
	for range 20_000 {
		low := next
		switch r.IntN(10) {
		case 0: // stays on the way
			late = append(late, next)
			next++
			continue
		case 1, 2:
			if len(late) > 0 {
				i := r.IntN(len(late))
				low = late[i]
				if r.IntN(4) > 0 {
					late = slices.Delete(late, i, i+1)
				}
			}
		case 3:
			low = 1000 + r.Uint64N(next-999)
		default:
			next++
		}
		if s.add(nonceAt(0, low)) == model[low] {
			t.Fatalf("%d: new %t", low, model[low])
		}
		model[low] = true
		if len(s.runs) > maxRuns-2 {
			break
		}
	}
	if len(model) < 5000 {
		t.Errorf("only %d nonces", len(model))
	}
}

// Whatever a sender does, the memory is bounded, and what was seen stays seen.
func TestSeenBounded(t *testing.T) {
	var s seen
	for i := range uint64(3 * maxRuns) {
		if !s.add(nonceAt(0, 2*i)) {
			t.Fatal(i)
		}
	}
	if len(s.runs) > maxRuns || cap(s.runs) > 2*maxRuns {
		t.Errorf("%d runs, room for %d", len(s.runs), cap(s.runs))
	}
	for i := range uint64(3 * maxRuns) {
		if s.add(nonceAt(0, 2*i)) {
			t.Fatal("again", i)
		}
	}
	if s.add(nonceAt(0, 1)) {
		t.Error("the oldest gap is still open")
	}
	if !s.add(nonceAt(0, 6*maxRuns-3)) {
		t.Error("the newest gap is closed")
	}
}

func TestDoor(t *testing.T) {
	d := newDoor(3, 5)
	var conns []*memConn
	var guests []*guest
	enter := func(from string) {
		c, _ := memPipe(from, "192.0.2.9:1") // its remote side is who comes
		c.local, c.remote = c.remote, c.local
		conns, guests = append(conns, c), append(guests, d.enter(c))
	}
	open := func() (n []int) {
		for i, c := range conns {
			c.out.mu.Lock()
			if !c.out.eof {
				n = append(n, i)
			}
			c.out.mu.Unlock()
		}
		return n
	}
	want := func(n ...int) {
		t.Helper()
		if got := open(); !slices.Equal(got, n) {
			t.Errorf("open are %v, want %v", got, n)
		}
	}
	for range 4 {
		enter("198.51.100.1:1")
	}
	want(1, 2, 3)
	enter("[2001:db8::1]:1")
	enter("[2001:db8::ffff]:2") // the same /64
	want(1, 2, 3, 4, 5)
	enter("203.0.113.1:1") // one too many in all: the oldest
	want(2, 3, 4, 5, 6)
	d.leave(guests[3])
	d.leave(guests[3])
	d.leave(guests[0]) // gone before
	enter("[2001:db8::2]:2")
	want(2, 3, 4, 5, 6, 7)
	enter("[2001:db8:0:1::1]:2") // another /64, and the fifth of those who stay
	want(3, 4, 5, 6, 7, 8)
	d.shut()
	enter("192.0.2.1:1")
	want(3)
	for _, g := range guests {
		d.leave(g)
	}
	if d.all.Len() != 0 || len(d.byPlace) != 0 {
		t.Error("somebody stays")
	}
}

func TestPlace(t *testing.T) {
	for in, out := range map[string]string{
		"192.0.2.1:5": "192.0.2.1/32", "[::ffff:192.0.2.1]:5": "192.0.2.1/32", "[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64",
		"[fe80::1%lo]:5": "fe80::/64",
	} {
		if got := place(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(in))); got.String() != out {
			t.Errorf("%s is at %s, want %s", in, got, out)
		}
	}
	if place(nil).IsValid() || place(relayAddr("x")).IsValid() {
		t.Error("nowhere is a place")
	}
}

// Each decoder takes any bytes, and what it accepts comes back the same when it
// is made again.

func FuzzHeader(f *testing.F) {
	for _, c := range load(f).Live {
		f.Add(unhex(f, c.Hex))
	}
	f.Add([]byte{0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		size, k, err := header(b)
		if err != nil {
			if !errors.Is(err, ErrProtocol) || size != 0 {
				t.Error(size, err)
			}
			return
		}
		if size != 0 && (size < frames[k].min || k == invalid || k != data && size > maxControl) {
			t.Errorf("%s of %d bytes", k, size)
		}
	})
}

// FuzzLink reads a stream of bytes in pieces: it ends in an error, and has given
// exactly the packets that a simple reader finds.
func FuzzLink(f *testing.F) {
	var all []byte
	for _, c := range load(f).Live[1:] {
		p := unhex(f, c.Hex)
		f.Add(p, uint8(1))
		all = append(all, p...)
	}
	f.Add(all, uint8(7))
	f.Add(append(finish(append([]byte{0, 0, 0x40}, make([]byte, 40_000)...)), all...), uint8(200))
	pool := newBuffers()
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		var want [][]byte
		for rest := b; ; {
			size, _, err := header(rest)
			if err != nil || size == 0 || len(rest) < size {
				break
			}
			want = append(want, rest[:size])
			rest = rest[size:]
		}
		in := &pieces{Reader: bytes.NewReader(b), n: int(piece)*97 + 1}
		l := newLink(in, pool, true)
		for i := 0; ; i++ {
			k, p, err := l.packet()
			if err != nil {
				if i != len(want) || !l.isGone() {
					t.Errorf("%d packets, want %d: %v", i, len(want), err)
				}
				return
			}
			if i >= len(want) || !bytes.Equal(p, want[i]) || k != kindOf(p[2]) {
				t.Fatalf("packet %d is %x", i, p)
			}
		}
	})
}

// pieces is a connection that delivers so many bytes at a time.
type pieces struct {
	net.Conn
	*bytes.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.n)]) }
func (p *pieces) Close() error               { return nil }

func FuzzChallenge(f *testing.F) {
	f.Add(encodeChallenge(make([]byte, 32)))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newLink(&pieces{Reader: bytes.NewReader(b), n: 50}, newBuffers(), false)
		challenge, err := l.challenge()
		if (err == nil) == l.isGone() {
			t.Error(err)
		}
		if err == nil && !bytes.HasPrefix(b, encodeChallenge(challenge)) {
			t.Errorf("%x", challenge)
		}
	})
}

func FuzzAuth(f *testing.F) {
	for _, c := range load(f).Live {
		f.Add(unhex(f, c.Plain))
	}
	b := peerBox(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		a, err := decodeAuth(plain)
		if err != nil {
			return
		}
		same := &fixed{box: b, low: true, padding: plain[authSize:]}
		p := a.encode(boson.ID{1}, same, same)
		got, err := b.Open(nil, p[headerSize+32+24:], &same.nonce)
		again, err2 := decodeAuth(got)
		if err != nil || err2 != nil || again != a {
			t.Errorf("%+v, %+v, %v, %v", a, again, err, err2)
		}
	})
}

func FuzzAttach(f *testing.F) {
	for _, c := range load(f).Live {
		f.Add(unhex(f, c.Plain))
	}
	b := peerBox(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		a, err := decodeAttach(plain)
		if err != nil {
			return
		}
		same := &fixed{box: b, low: true, padding: plain[attachSize:]}
		got, err := b.Open(nil, a.encode(boson.ID{1}, same, same)[headerSize+32+24:], &same.nonce)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%x, %v", got, err)
		}
	})
}

func FuzzAuthAck(f *testing.F) {
	for _, c := range load(f).Live {
		f.Add(unhex(f, c.Plain))
	}
	b := peerBox(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		a, err := decodeAuthAck(plain)
		if err != nil {
			return
		}
		if a.endpoint == "" || a.connections < 1 {
			t.Errorf("%+v", a)
		}
		same := &fixed{box: b, low: true}
		got, err := b.Open(nil, a.encode(same, same)[headerSize+24:], &same.nonce)
		again, err2 := decodeAuthAck(got)
		if err != nil || err2 != nil || again != a {
			t.Errorf("%+v, %+v, %v, %v", a, again, err, err2)
		}
	})
}

func FuzzConnect(f *testing.F) {
	for _, c := range load(f).Live {
		f.Add(unhex(f, c.Plain))
	}
	b := peerBox(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		a, err := decodeConnect(plain)
		if err != nil {
			return
		}
		same := &fixed{box: b, low: true}
		got, err := b.Open(nil, encodeConnect(a, same, same)[headerSize+24:], &same.nonce)
		again, err2 := decodeConnect(got)
		if want := netip.AddrPortFrom(a.Addr().Unmap(), a.Port()); err != nil || err2 != nil || again != want {
			t.Errorf("%v, %v, %v, %v", want, again, err, err2)
		}
	})
}

func FuzzError(f *testing.F) {
	for _, c := range load(f).Live {
		f.Add(unhex(f, c.Plain))
	}
	b := peerBox(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		code, message, err := decodeError(plain)
		if err != nil {
			return
		}
		same := &fixed{box: b, low: true}
		got, err := b.Open(nil, encodeError(uint16(code), message, same, same)[headerSize+24:], &same.nonce)
		if err != nil || !bytes.HasPrefix(plain, got) {
			t.Errorf("%d %q, %v", code, message, err)
		}
	})
}
