package activeproxy

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/box"

	"pc2/backend/boson"
)

type vectors struct {
	Nonce0, Nonce1 string
	Computed       map[string]string
	Live           []capture
}

// capture is a packet of a running reference client, or of a server that it accepted.
type capture struct {
	Name     string
	Server   bool // who sent it
	Type     string
	TypeByte byte
	Keys     struct{ Challenge, SessionKey, ServerSessionSecret string }
	Decoded  struct {
		DeviceID, UserID, ClientSessionPk, DeviceSig, ServerSessionPk, Endpoint, NamedEndpoint, Address, Message string
		Version, NameAccess, MaxConnections, Padding, Port, AddrLen, Flag, Success, Code                         int
	}
	Plain, Hex string
}

func load(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Computed) != 24 || len(v.Live) != 23 {
		t.Fatalf("%d computed, %d live", len(v.Computed), len(v.Live))
	}
	return v
}

func (v vectors) live(t testing.TB, name string) capture {
	t.Helper()
	for _, c := range v.Live {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no capture %q", name)
	return capture{}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealing is a boson.Box.
type sealing interface {
	Seal(dst, plain []byte, nonce *boson.Nonce) []byte
	Open(dst, boxed []byte, nonce *boson.Nonce) ([]byte, error)
}

// fixed is a sealer and a chance without chance.
type fixed struct {
	box     sealing
	nonce   boson.Nonce
	low     bool // the first code of each range
	codes   []byte
	padding []byte
}

func (f *fixed) Seal(dst, plain []byte) []byte {
	return f.box.Seal(append(dst, f.nonce[:]...), plain, &f.nonce)
}

func (f *fixed) code(first, _ byte) byte {
	if f.low {
		return first
	}
	c := f.codes[0]
	f.codes = f.codes[1:]
	return c
}

func (f *fixed) pad(dst []byte, _ int) []byte { return append(dst, f.padding...) }

func peerBox(t testing.TB) boson.Box {
	t.Helper()
	b, err := deviceA().Box(serverS().ID())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantHex(t testing.TB, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s is %x, want %s", what, got, want)
	}
}

func TestComputedVectors(t *testing.T) {
	v := load(t)
	c := v.Computed
	n0, n1 := boson.Nonce(unhex(t, v.Nonce0)), boson.Nonce(unhex(t, v.Nonce1))
	peer0 := &fixed{box: peerBox(t), nonce: n0, low: true}
	peer1 := &fixed{box: peerBox(t), nonce: n1, low: true}
	clientKey := boson.BoxKeyFromSecret([32]byte(unhex(t, c["client session sk"])))
	serverKey := boson.BoxKeyFromSecret([32]byte(unhex(t, c["server session sk"])))
	clientPk, serverPk := clientKey.Public(), serverKey.Public()
	wantHex(t, "client session key", clientPk[:], c["client session pk"])
	wantHex(t, "server session key", serverPk[:], c["server session pk"])
	shared, err := clientKey.Box(serverPk)
	if err != nil {
		t.Fatal(err)
	}
	session0 := &fixed{box: shared, nonce: n0, low: true}
	session1 := &fixed{box: shared, nonce: n1, low: true}

	challenge := unhex(t, c["CHALLENGE"])[2:]
	wantHex(t, "CHALLENGE", encodeChallenge(challenge), c["CHALLENGE"])
	sig := deviceA().SignChallenge(challenge)
	wantHex(t, "signature", sig, c["deviceSig"])

	device, dice := deviceA().ID(), peer0
	asked := authBody{user: userB().ID(), session: clientPk, signature: [64]byte(sig)}
	wantHex(t, "AUTH", asked.encode(device, peer0, dice), c["AUTH"])
	if got, err := decodeAuth(unhex(t, c["AUTH secret"])); err != nil || got != asked {
		t.Errorf("AUTH is %+v, %v", got, err)
	}
	attached := attachBody{session: clientPk, signature: [64]byte(sig)}
	wantHex(t, "ATTACH", attached.encode(device, peer0, dice), c["ATTACH"])
	granted := authAckBody{session: serverPk, connections: 8, endpoint: "203.0.113.10:25000"}
	wantHex(t, "AUTH_ACK", granted.encode(peer1, dice), c["AUTH_ACK"])
	if got, err := decodeAuthAck(unhex(t, c["AUTH_ACK secret"])); err != nil || got != granted {
		t.Errorf("AUTH_ACK is %+v, %v", got, err)
	}
	visitor := netip.MustParseAddrPort("198.51.100.7:50000")
	wantHex(t, "CONNECT", encodeConnect(visitor, session1, dice), c["CONNECT"])
	if got, err := decodeConnect(unhex(t, c["CONNECT secret"])); err != nil || got != visitor {
		t.Errorf("CONNECT is %v, %v", got, err)
	}
	wantHex(t, "CONNECT_ACK", encodeConnectAck(true, dice), c["CONNECT_ACK ok"])
	wantHex(t, "CONNECT_ACK", encodeConnectAck(false, dice), c["CONNECT_ACK fail"])
	wantHex(t, "DATA", appendData(nil, []byte("hello boson"), session0, dice), c["DATA 'hello boson'"])
	wantHex(t, "ERROR", encodeError(1, "no", session1, dice), c["ERROR code 1 'no'"])
	for k, name := range map[kind]string{
		attachAck: "ATTACH_ACK", ping: "PING", pingAck: "PING_ACK", disconnect: "DISCONNECT", disconnectAck: "DISCONNECT_ACK",
	} {
		wantHex(t, name, appendBare(nil, k, dice), c[name])
	}

	// Every packet is also taken apart: framing, box, content.
	open := map[string]func(plain []byte) bool{
		"AUTH":      func(p []byte) bool { got, err := decodeAuth(p); return err == nil && got == asked },
		"ATTACH":    func(p []byte) bool { got, err := decodeAttach(p); return err == nil && got == attached },
		"AUTH_ACK":  func(p []byte) bool { got, err := decodeAuthAck(p); return err == nil && got == granted },
		"CONNECT":   func(p []byte) bool { got, err := decodeConnect(p); return err == nil && got == visitor },
		"DATA":      func(p []byte) bool { return string(p) == "hello boson" },
		"ERROR":     func(p []byte) bool { code, m, err := decodeError(p); return code == 1 && m == "no" && err == nil },
		"PING":      nil,
		"PING_ACK":  nil,
		"CHALLENGE": nil,
	}
	for id, text := range c {
		name, _, _ := strings.Cut(id, " ")
		if name != strings.ToUpper(name) || strings.HasSuffix(id, "secret") {
			continue
		}
		packet := unhex(t, text)
		if name == "CHALLENGE" {
			if got, err := decodeChallenge(packet); err != nil || !bytes.Equal(got, challenge) {
				t.Errorf("CHALLENGE: %v", err)
			}
			continue
		}
		size, k, err := header(packet)
		if size != len(packet) || k.String() != name || err != nil {
			t.Errorf("%s is %s of %d bytes, %v", id, k, size, err)
			continue
		}
		check := open[name]
		if check == nil {
			continue
		}
		b, sealed := shared, packet[headerSize:]
		switch k {
		case auth, attach:
			b = peerBox(t)
			var from boson.ID
			if from, sealed = sealedFor(packet); from != device {
				t.Errorf("%s from %s", id, from)
			}
		case authAck:
			b = peerBox(t)
		}
		plain, err := boson.NewContext(b).Open(nil, sealed)
		if err != nil || !check(plain) {
			t.Errorf("%s: %x, %v", id, plain, err)
		}
	}
}

func TestLiveVectors(t *testing.T) {
	v := load(t)
	names := map[string]bool{}
	for _, c := range v.Live {
		names[c.Type] = true
		t.Run(c.Name, func(t *testing.T) { checkCapture(t, c) })
	}
	if len(names) != 13 { // all types, and none for CHALLENGE
		t.Errorf("types %v", names)
	}
}

// checkCapture takes a packet apart, compares its values with those that were
// decoded independently, and makes the same packet from them.
func checkCapture(t *testing.T, c capture) {
	packet := unhex(t, c.Hex)
	if c.Type == "" {
		challenge, err := decodeChallenge(packet)
		if err != nil {
			t.Fatal(err)
		}
		wantHex(t, "CHALLENGE", encodeChallenge(challenge), c.Hex)
		return
	}
	size, k, err := header(packet)
	if err != nil || size != len(packet) || k.String() != c.Type || packet[2] != c.TypeByte {
		t.Fatalf("%s of %d bytes, %v", k, size, err)
	}
	f := &fixed{codes: []byte{packet[2]}}
	sealed := packet[headerSize:]
	switch k {
	case auth, attach:
		_, sealed = sealedFor(packet)
		fallthrough
	case authAck:
		f.box = peerBox(t)
	case connect, data, failure:
		f.box = sharedBox(unhex(t, c.Keys.SessionKey))
	}
	var plain []byte
	if c.Plain != "" {
		f.nonce = boson.Nonce(sealed)
		if plain, err = f.box.Open(nil, sealed[boson.NonceSize:], &f.nonce); err != nil {
			t.Fatal(err)
		}
		wantHex(t, "plain text", plain, c.Plain)
	}
	pad := func(base int, whole []byte) {
		f.padding = whole[base:]
		if len(f.padding) != c.Decoded.Padding {
			t.Errorf("%d bytes of padding, want %d", len(f.padding), c.Decoded.Padding)
		}
		if len(packet)-len(f.padding)+room(len(packet)-len(f.padding)) < len(packet) {
			t.Error("more padding than there is room for")
		}
	}
	d := c.Decoded
	switch k {
	case auth:
		a, err := decodeAuth(plain)
		if err != nil {
			t.Fatal(err)
		}
		wantHex(t, "user", a.user[:], d.UserID)
		wantHex(t, "session key", a.session[:], d.ClientSessionPk)
		wantHex(t, "signature", a.signature[:], d.DeviceSig)
		if a.name != (d.NameAccess == 1) || d.Version != version {
			t.Errorf("name access %t, version %d", a.name, d.Version)
		}
		if !boson.Verify(deviceA().ID(), unhex(t, c.Keys.Challenge), a.signature[:]) {
			t.Error("the signature does not verify")
		}
		pad(authSize, plain)
		wantHex(t, "AUTH", a.encode(deviceA().ID(), f, f), c.Hex)
	case attach:
		a, err := decodeAttach(plain)
		if err != nil {
			t.Fatal(err)
		}
		wantHex(t, "session key", a.session[:], d.ClientSessionPk)
		wantHex(t, "signature", a.signature[:], d.DeviceSig)
		if !boson.Verify(deviceA().ID(), unhex(t, c.Keys.Challenge), a.signature[:]) {
			t.Error("the signature does not verify")
		}
		pad(attachSize, plain)
		wantHex(t, "ATTACH", a.encode(deviceA().ID(), f, f), c.Hex)
	case authAck:
		a, err := decodeAuthAck(plain)
		if err != nil {
			t.Fatal(err)
		}
		wantHex(t, "session key", a.session[:], d.ServerSessionPk)
		if a.connections != d.MaxConnections || a.endpoint != d.Endpoint || a.named != d.NamedEndpoint || (a.named != "") != (d.NameAccess == 1) {
			t.Errorf("%+v", a)
		}
		f.padding = plain[35+len(a.endpoint)+1+len(a.named)+1:]
		wantHex(t, "AUTH_ACK", a.encode(f, f), c.Hex)
	case connect:
		a, err := decodeConnect(plain)
		if err != nil {
			t.Fatal(err)
		}
		if int(a.Port()) != d.Port || a.Addr().BitLen()/8 != d.AddrLen {
			t.Errorf("visitor %v", a)
		}
		wantHex(t, "address", a.Addr().AsSlice(), d.Address)
		pad(connectSize, plain)
		wantHex(t, "CONNECT", encodeConnect(a, f, f), c.Hex)
	case connectAck:
		if accepted := decodeConnectAck(packet); accepted != (d.Success == 1) {
			t.Errorf("accepted %t", accepted)
		}
		pad(4, packet)
		f.codes = append(f.codes, packet[3]>>1)
		wantHex(t, "CONNECT_ACK", encodeConnectAck(d.Success == 1, f), c.Hex)
	case data:
		if string(plain) != "hello boson" {
			t.Errorf("data %q", plain)
		}
		wantHex(t, "DATA", appendData(nil, plain, f, f), c.Hex)
	case failure:
		code, message, err := decodeError(plain)
		if err != nil || code != d.Code || message != d.Message {
			t.Errorf("ERROR %d %q, %v", code, message, err)
		}
		wantHex(t, "ERROR", encodeError(uint16(code), message, f, f), c.Hex)
	default:
		pad(headerSize, packet)
		wantHex(t, c.Type, appendBare(nil, k, f), c.Hex)
	}
}

// encodeError makes what no client accepts and our server never sends.
func encodeError(code uint16, message string, seal sealer, c chance) []byte {
	plain := binary.BigEndian.AppendUint16(nil, code)
	return boxed(begin(nil, failure, c), append(append(plain, message...), 0), seal, c)
}

// sharedBox is a box of which the shared key is known and neither half.
type sharedBox [32]byte

func (b sharedBox) Seal(dst, plain []byte, nonce *boson.Nonce) []byte {
	return box.SealAfterPrecomputation(dst, plain, (*[24]byte)(nonce), (*[32]byte)(&b))
}

func (b sharedBox) Open(dst, boxed []byte, nonce *boson.Nonce) ([]byte, error) {
	plain, ok := box.OpenAfterPrecomputation(dst, boxed, (*[24]byte)(nonce), (*[32]byte)(&b))
	if !ok {
		return nil, boson.ErrOpen
	}
	return plain, nil
}
