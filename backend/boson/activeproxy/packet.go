package activeproxy

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"unicode/utf8"

	"pc2/backend/boson"
)

// This file is the protocol: Boson Active Proxy 3.x, version 1. All integers are
// big-endian.
//
// # Framing
//
//	size u16 | type u8 | payload          every packet; size counts all of it, 3 … 65535
//	size u16 | challenge 32 …             CHALLENGE alone has no type
//
// A type is a range of codes; the sender picks any, and appends padding, so
// that an observer sees neither types nor lengths: up to the next multiple of
// 256 bytes of the packet, inside the box where there is one. DATA is not padded.
// Receivers ignore padding.
//
// # Flow
//
// A device opens a connection; the server says CHALLENGE at once. The first
// connection answers AUTH, which makes the session, each further one ATTACH. The
// connection is then idle, and the device says PING now and then, which the server
// answers in any state.
//
// When a visitor comes, the server says CONNECT on an idle connection and reads
// nothing of the visitor before CONNECT_ACK. Flag 0: the connection is idle again.
// Flag 1: both sides say DATA until one of them has no more, and says DISCONNECT. The
// other answers DISCONNECT_ACK, and says DISCONNECT too; that is answered as well,
// and the connection is idle again: each side sends one DISCONNECT and one
// DISCONNECT_ACK. DATA that arrives after the own DISCONNECT is ignored by the
// reference client; our two sides still deliver it until the other's DISCONNECT, so that
// a visitor may close its half first.
//
// Nothing else is allowed: the server never says PING, nor DISCONNECT to an idle
// or a connecting client, and never ERROR, whose codes nobody knows. Whoever
// receives what its state does not expect closes the connection.
//
// # Keys
//
// "peer" boxes are between the device key and the service key, "session" boxes
// between two fresh X25519 keys that AUTH and AUTH_ACK carry. A box is sent as
// nonce 24 | tag 16 | ciphertext. All connections of a session draw nonces from one row.

// kind is the type of a packet, whatever code stands for it.
type kind uint8

const (
	invalid       kind = iota
	auth               // C→S
	attach             // C→S
	ping               // C→S
	connect            // S→C
	disconnect         // both
	data               // both
	failure            // S→C ERROR, never sent
	authAck            // S→C
	attachAck          // S→C
	pingAck            // S→C
	connectAck         // C→S
	disconnectAck      // both
)

// frames is the frame table. min is the smallest packet.
var frames = [...]struct {
	name        string
	first, last byte
	min         int
}{
	invalid:       {"invalid", 1, 0, 0},
	auth:          {"AUTH", 0x00, 0x07, 206},
	attach:        {"ATTACH", 0x08, 0x0f, 171},
	ping:          {"PING", 0x10, 0x1f, 3},
	connect:       {"CONNECT", 0x20, 0x2f, 62},
	disconnect:    {"DISCONNECT", 0x30, 0x3f, 3},
	data:          {"DATA", 0x40, 0x6f, 44},
	failure:       {"ERROR", 0x70, 0x7f, 46},
	authAck:       {"AUTH_ACK", 0x80, 0x87, 80},
	attachAck:     {"ATTACH_ACK", 0x88, 0x8f, 3},
	pingAck:       {"PING_ACK", 0x90, 0x9f, 3},
	connectAck:    {"CONNECT_ACK", 0xa0, 0xaf, 4},
	disconnectAck: {"DISCONNECT_ACK", 0xb0, 0xbf, 3},
}

func (k kind) String() string { return frames[k].name }

func kindOf(code byte) kind {
	for k, f := range frames {
		if f.first <= code && code <= f.last {
			return kind(k)
		}
	}
	return invalid
}

const (
	version = 1

	headerSize = 3
	dataHead   = headerSize + boson.ContextOverhead
	maxPacket  = 65535
	maxData    = maxPacket - dataHead // 65492

	// maxControl is for all packets but DATA. Padded ones stay within 256 bytes, an
	// AUTH_ACK with two host names within 1024; CHALLENGE has no limit in the protocol.
	maxControl = 2048

	minChallenge = 32
	maxChallenge = 255 // that we send
)

// header reads the size and type of the packet that b begins with: size 0 means
// that more bytes are needed to say.
func header(b []byte) (size int, k kind, err error) {
	if len(b) < 2 {
		return 0, invalid, nil
	}
	size = int(binary.BigEndian.Uint16(b))
	if size < headerSize {
		return 0, invalid, wrong("size %d", size)
	}
	if len(b) < headerSize {
		return 0, invalid, nil
	}
	k = kindOf(b[2])
	switch {
	case k == invalid:
		return 0, invalid, wrong("type 0x%02x", b[2])
	case size < frames[k].min:
		return 0, invalid, wrong("%s of %d bytes", k, size)
	case k != data && size > maxControl:
		return 0, invalid, wrong("%s of %d bytes", k, size)
	}
	return size, k, nil
}

// chance decides what the protocol leaves open.
type chance interface {
	code(first, last byte) byte
	pad(dst []byte, room int) []byte // appends 0 … room bytes
}

// dice is the chance of real connections.
type dice struct{}

func (dice) code(first, last byte) byte { return first + byte(mathrand.IntN(int(last-first)+1)) }

func (dice) pad(dst []byte, room int) []byte {
	n := len(dst)
	dst = append(dst, make([]byte, mathrand.IntN(room+1))...)
	rand.Read(dst[n:])
	return dst
}

// room is how much padding a packet of size bytes may have.
func room(size int) int { return (size+255)&^255 - size }

// sealer is a boson.Context.
type sealer interface {
	Seal(dst, plain []byte) []byte // appends the message of plain to dst
}

func begin(dst []byte, k kind, c chance) []byte {
	return append(dst, 0, 0, c.code(frames[k].first, frames[k].last))
}

func finish(packet []byte) []byte {
	binary.BigEndian.PutUint16(packet, uint16(len(packet)))
	return packet
}

// boxed pads plain and appends its message to the packet.
func boxed(packet, plain []byte, seal sealer, c chance) []byte {
	plain = c.pad(plain, room(len(packet)+boson.ContextOverhead+len(plain)))
	return finish(seal.Seal(packet, plain))
}

// CHALLENGE S→C, not boxed
//
//	size u16 | challenge 32 …
func encodeChallenge(challenge []byte) []byte {
	return finish(append(make([]byte, 2, 2+len(challenge)), challenge...))
}

func decodeChallenge(packet []byte) ([]byte, error) {
	if len(packet) < 2+minChallenge || len(packet) != int(binary.BigEndian.Uint16(packet)) {
		return nil, wrong("CHALLENGE of %d bytes", len(packet))
	}
	return packet[2:], nil
}

func newChallenge() []byte {
	b := make([]byte, minChallenge+mathrand.IntN(maxChallenge-minChallenge+1))
	rand.Read(b)
	return b
}

// AUTH C→S
//
//	header 3 | device 32 | peer box {
//	    version u16 = 1
//	    user 32             claimed, nothing proves it
//	    session key 32      X25519, the client's
//	    name access u8      1: asks for a named endpoint
//	    signature 64        of the raw challenge, by the device
//	    padding }
type authBody struct {
	user      boson.ID
	session   boson.BoxPublic
	name      bool
	signature [64]byte
}

const authSize = 2 + 32 + 32 + 1 + 64

func (a authBody) encode(device boson.ID, seal sealer, c chance) []byte {
	plain := binary.BigEndian.AppendUint16(nil, version)
	plain = append(plain, a.user[:]...)
	plain = append(plain, a.session[:]...)
	plain = append(plain, flag(a.name))
	plain = append(plain, a.signature[:]...)
	return boxed(append(begin(nil, auth, c), device[:]...), plain, seal, c)
}

func decodeAuth(plain []byte) (a authBody, err error) {
	if len(plain) < authSize {
		return a, wrong("AUTH box of %d bytes", len(plain))
	}
	if v := binary.BigEndian.Uint16(plain); v != version {
		return a, wrong("version %d", v)
	}
	rest := plain[2:]
	rest = rest[copy(a.user[:], rest):]
	rest = rest[copy(a.session[:], rest):]
	a.name = rest[0] != 0
	copy(a.signature[:], rest[1:])
	return a, nil
}

// ATTACH C→S
//
//	header 3 | device 32 | peer box {
//	    session key 32      the one of the session's AUTH
//	    signature 64        of this connection's challenge
//	    padding }
type attachBody struct {
	session   boson.BoxPublic
	signature [64]byte
}

const attachSize = 32 + 64

func (a attachBody) encode(device boson.ID, seal sealer, c chance) []byte {
	plain := append(a.session[:], a.signature[:]...)
	return boxed(append(begin(nil, attach, c), device[:]...), plain, seal, c)
}

func decodeAttach(plain []byte) (a attachBody, err error) {
	if len(plain) < attachSize {
		return a, wrong("ATTACH box of %d bytes", len(plain))
	}
	copy(a.signature[:], plain[copy(a.session[:], plain):])
	return a, nil
}

// sealedFor splits AUTH or ATTACH, whose size header has checked, into the
// device that claims to send it and the box.
func sealedFor(packet []byte) (device boson.ID, sealed []byte) {
	return boson.ID(packet[headerSize:]), packet[headerSize+len(device):]
}

// AUTH_ACK S→C
//
//	header 3 | peer box {
//	    session key 32      X25519, the server's
//	    connections u16     at most so many in this session
//	    name access u8      1: there is a named endpoint
//	    endpoint … NUL      host:port of the mapped port, never empty
//	    named endpoint … NUL  host name; empty: declined
//	    padding }
type authAckBody struct {
	session     boson.BoxPublic
	connections int
	endpoint    string
	named       string
}

func (a authAckBody) encode(seal sealer, c chance) []byte {
	plain := binary.BigEndian.AppendUint16(a.session[:], uint16(a.connections))
	plain = append(plain, flag(a.named != ""))
	plain = append(append(plain, a.endpoint...), 0)
	plain = append(append(plain, a.named...), 0)
	return boxed(begin(nil, authAck, c), plain, seal, c)
}

func decodeAuthAck(plain []byte) (a authAckBody, err error) {
	const fixed = 32 + 2 + 1
	if len(plain) < fixed {
		return a, wrong("AUTH_ACK box of %d bytes", len(plain))
	}
	copy(a.session[:], plain)
	// The reference server is not known to send 0; its client then keeps to one connection.
	a.connections = max(1, int(binary.BigEndian.Uint16(plain[32:])))
	named := plain[34] != 0
	var ok1, ok2 bool
	rest := plain[fixed:]
	a.endpoint, rest, ok1 = text(rest)
	a.named, _, ok2 = text(rest)
	if !ok1 || !ok2 || a.endpoint == "" || named && a.named == "" {
		return authAckBody{}, wrong("AUTH_ACK without its endpoints")
	}
	return a, nil
}

// CONNECT S→C
//
//	header 3 | session box {
//	    port u16
//	    length u8           of the address: 4 or 16
//	    address 16          zeros behind an IPv4 address
//	    padding }
//
// The address is the visitor's and informs only.
const connectSize = 2 + 1 + 16

func encodeConnect(visitor netip.AddrPort, seal sealer, c chance) []byte {
	plain := binary.BigEndian.AppendUint16(nil, visitor.Port())
	address := visitor.Addr().Unmap()
	if !address.IsValid() {
		address = netip.IPv4Unspecified()
	}
	bytes := address.AsSlice()
	plain = append(append(plain, byte(len(bytes))), bytes...)
	plain = append(plain, make([]byte, connectSize-len(plain))...)
	return boxed(begin(nil, connect, c), plain, seal, c)
}

func decodeConnect(plain []byte) (netip.AddrPort, error) {
	if len(plain) < connectSize {
		return netip.AddrPort{}, wrong("CONNECT box of %d bytes", len(plain))
	}
	n := int(plain[2])
	if n != 4 && n != 16 {
		return netip.AddrPort{}, wrong("address of %d bytes", n)
	}
	address, _ := netip.AddrFromSlice(plain[3 : 3+n])
	return netip.AddrPortFrom(address, binary.BigEndian.Uint16(plain)), nil
}

// CONNECT_ACK C→S, not boxed
//
//	header 3 | flag u8 | padding          bit 0: accepted; the others are random
func encodeConnectAck(accepted bool, c chance) []byte {
	packet := begin(nil, connectAck, c)
	packet = append(packet, c.code(0, 0x7f)<<1|flag(accepted))
	return finish(c.pad(packet, room(len(packet))))
}

func decodeConnectAck(packet []byte) (accepted bool) { return packet[headerSize]&1 != 0 }

// ATTACH_ACK S→C, PING C→S, PING_ACK S→C, DISCONNECT, DISCONNECT_ACK both ways; not boxed
//
//	header 3 | padding
func appendBare(dst []byte, k kind, c chance) []byte {
	start := len(dst)
	dst = begin(dst, k, c)
	dst = c.pad(dst, room(headerSize))
	finish(dst[start:])
	return dst
}

// DATA both ways
//
//	header 3 | session box { 1 … 65492 bytes }
func appendData(dst, plain []byte, seal sealer, c chance) []byte {
	return finish(seal.Seal(begin(dst, data, c), plain))
}

// ERROR S→C
//
//	header 3 | session box { code u16 | message … NUL | padding }
//
// We never send one; what a server says before it closes goes into the log.
func decodeError(plain []byte) (code int, message string, err error) {
	if len(plain) < 3 {
		return 0, "", wrong("ERROR box of %d bytes", len(plain))
	}
	message, _, ok := text(plain[2:])
	if !ok {
		return 0, "", wrong("ERROR without its message")
	}
	return int(binary.BigEndian.Uint16(plain)), message, nil
}

// text cuts a text off b that ends in NUL. People see it, so it has no control characters.
func text(b []byte) (s string, rest []byte, ok bool) {
	head, rest, found := bytes.Cut(b, []byte{0})
	if !found || !utf8.Valid(head) {
		return "", nil, false
	}
	for _, r := range string(head) {
		if r < ' ' || r == 0x7f {
			return "", nil, false
		}
	}
	return string(head), rest, true
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}
