package preface

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	proxyproto "github.com/pires/go-proxyproto"
)

// KeyInfo is what the key of the proofs is derived from the session's shared key with.
const KeyInfo = "pc2 gateway preface"

const (
	fixed     = 16 // signature, command, family, length
	proofType = 0xE0
	proofSize = 16
	proofTLV  = 3 + proofSize
	maxHeader = 512 // ours are 35, 47 and 71 bytes
)

var (
	// ErrStranger: the connection does not begin with a PROXY header.
	ErrStranger = errors.New("preface: the connection brings no preface")
	// ErrProof: it does, and nobody who knows the key made it.
	ErrProof = errors.New("preface: the preface is not proved")
	// ErrForm: a preface that is proved and makes no sense.
	ErrForm = errors.New("preface: the preface makes no sense")
)

// Keyed is a connection of a session with a shared key: PrefaceKey is
// boson.Box.Derive(KeyInfo) of the session's box, on both sides.
type Keyed interface {
	PrefaceKey() [32]byte
}

// Header is the preface for one visitor's connection, or, if visitor is the zero
// value, for one that many share.
func Header(key [32]byte, visitor netip.AddrPort) ([]byte, error) {
	h := proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	if visitor.IsValid() {
		visitor = netip.AddrPortFrom(visitor.Addr().Unmap().WithZone(""), visitor.Port())
		h.Command, h.TransportProtocol = proxyproto.PROXY, proxyproto.TCPv4
		nowhere := netip.IPv4Unspecified() // where the visitor connected to is nobody's concern
		if visitor.Addr().Is6() {
			h.TransportProtocol, nowhere = proxyproto.TCPv6, netip.IPv6Unspecified()
		}
		h.SourceAddr = net.TCPAddrFromAddrPort(visitor)
		h.DestinationAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(nowhere, 0))
	}
	if err := h.SetTLVs([]proxyproto.TLV{{Type: proofType, Value: make([]byte, proofSize)}}); err != nil {
		return nil, fmt.Errorf("preface: %w", err)
	}
	b, err := h.Format()
	if err != nil {
		return nil, fmt.Errorf("preface: %w", err)
	}
	copy(b[len(b)-proofSize:], proof(key, b[:len(b)-proofTLV]))
	return b, nil
}

func proof(key [32]byte, header []byte) []byte {
	m := hmac.New(sha256.New, key[:])
	m.Write(header)
	return m.Sum(nil)[:proofSize]
}

// read takes the preface off r and says whose connection it is; the zero value
// is a shared one. Who brings no PROXY signature is known at the first byte that
// differs.
func read(r *bufio.Reader, key [32]byte) (netip.AddrPort, error) {
	for n := 1; n <= len(proxyproto.SIGV2); n++ {
		got, err := r.Peek(n)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrStranger, err)
		}
		if got[n-1] != proxyproto.SIGV2[n-1] {
			return netip.AddrPort{}, ErrStranger
		}
	}
	head, err := r.Peek(fixed)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	size := fixed + int(binary.BigEndian.Uint16(head[14:]))
	if size < fixed+proofTLV || size > maxHeader {
		return netip.AddrPort{}, ErrProof
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return decode(b, key)
}

// decode verifies, and only then reads.
func decode(b []byte, key [32]byte) (netip.AddrPort, error) {
	if len(b) < fixed+proofTLV || len(b) > maxHeader {
		return netip.AddrPort{}, ErrProof
	}
	body, tail := b[:len(b)-proofTLV], b[len(b)-proofTLV:]
	form := tail[0] == proofType && binary.BigEndian.Uint16(tail[1:]) == proofSize
	if !hmac.Equal(tail[3:], proof(key, body)) || !form {
		return netip.AddrPort{}, ErrProof
	}
	rest := bufio.NewReader(bytes.NewReader(b))
	h, err := proxyproto.Read(rest)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if rest.Buffered() != 0 || h.Version != 2 {
		return netip.AddrPort{}, ErrForm
	}
	if h.Command.IsLocal() {
		return netip.AddrPort{}, nil
	}
	from, _, ok := h.TCPAddrs()
	if !ok {
		return netip.AddrPort{}, ErrForm
	}
	a := from.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}
