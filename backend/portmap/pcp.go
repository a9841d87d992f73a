package portmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// PCP, RFC 6887, as far as one mapping needs it. Client and router exchange single
// datagrams on port 5351 of the router, numbers big-endian:
//
//	request   0  version = 2
//	          1  opcode: 0 ANNOUNCE, 1 MAP
//	          2  zero ×2
//	          4  lifetime in seconds; 0 removes the mapping
//	          8  our address, 16 bytes (IPv4-mapped); the router refuses another than the datagram's
//	response  0  version = 2
//	          1  opcode | 0x80
//	          2  zero
//	          3  result code
//	          4  lifetime in seconds
//	          8  epoch: seconds since the router lost its state
//	         12  zero ×12
//	MAP      24  nonce, 12 bytes: whoever knows it owns the mapping
//	         36  protocol: 6 TCP
//	         37  zero ×3
//	         40  our port
//	         42  external port (suggested | assigned)
//	         44  external address, 16 bytes (suggested | assigned)
//	         60  options, each: code, zero, length ×2, data padded to 4; we send none and ignore theirs
//
// A router that knows only NAT-PMP answers with version 0.
const (
	pcpVersion  = 2
	pcpAnnounce = 0
	pcpMap      = 1
	pcpResponse = 0x80
	pcpHeader   = 24
	pcpMapSize  = 60
	pcpMost     = 1100 // bytes of any message
	tcp         = 6
)

// pcpResult is the router's answer code.
type pcpResult uint8

const (
	pcpSuccess        pcpResult = 0
	pcpUnsupported    pcpResult = 1
	pcpNotAuthorized  pcpResult = 2
	pcpNetworkFailure pcpResult = 7
)

var pcpResults = [...]string{
	"success", "unsupported version", "not authorized", "malformed request", "unsupported opcode", "unsupported option",
	"malformed option", "network failure", "no resources", "unsupported protocol", "quota exceeded",
	"cannot provide external", "address mismatch", "excessive remote peers",
}

func (r pcpResult) String() string {
	if int(r) < len(pcpResults) {
		return pcpResults[r]
	}
	return fmt.Sprintf("result %d", uint8(r))
}

type pcpNonce [12]byte

// pcpRequest is a MAP request.
type pcpRequest struct {
	local    netip.Addr
	lifetime uint32
	nonce    pcpNonce
	port     uint16
	suggest  netip.AddrPort
}

func (r pcpRequest) marshal() []byte {
	b := append(pcpHead(pcpMap, r.lifetime, r.local), r.nonce[:]...)
	b = append(b, tcp, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, r.port)
	b = binary.BigEndian.AppendUint16(b, r.suggest.Port())
	a := r.suggest.Addr().As16()
	return append(b, a[:]...)
}

func pcpHead(opcode byte, lifetime uint32, local netip.Addr) []byte {
	b := append(make([]byte, 0, pcpMapSize), pcpVersion, opcode, 0, 0)
	b = binary.BigEndian.AppendUint32(b, lifetime)
	a := local.As16()
	return append(b, a[:]...)
}

// pcpAnswer is a response to ANNOUNCE or MAP.
type pcpAnswer struct {
	opcode   byte
	result   pcpResult
	lifetime uint32
	epoch    uint32
	// of MAP; on an error they repeat the request
	nonce    pcpNonce
	port     uint16
	external netip.AddrPort
}

var (
	errPCPShort   = errors.New("pcp: datagram too short")
	errPCPVersion = errors.New("pcp: the answer is NAT-PMP's")
	errPCPAnswer  = errors.New("pcp: not an answer to ANNOUNCE or MAP of TCP")
	errPCPOption  = errors.New("pcp: option beyond the datagram")
)

func parsePCP(b []byte) (a pcpAnswer, err error) {
	switch {
	case len(b) < 2:
		return a, errPCPShort
	case b[0] == 0:
		return a, errPCPVersion
	case b[0] != pcpVersion:
		return a, errPCPAnswer
	case len(b) < pcpHeader || len(b)%4 != 0 || len(b) > pcpMost:
		return a, errPCPShort
	}
	a = pcpAnswer{
		opcode: b[1] &^ pcpResponse, result: pcpResult(b[3]),
		lifetime: binary.BigEndian.Uint32(b[4:]), epoch: binary.BigEndian.Uint32(b[8:]),
	}
	switch b[1] {
	case pcpResponse | pcpAnnounce:
		return a, checkOptions(b[pcpHeader:])
	case pcpResponse | pcpMap:
	default:
		return a, errPCPAnswer
	}
	if len(b) < pcpMapSize {
		return a, errPCPShort
	}
	if b[36] != tcp {
		return a, errPCPAnswer
	}
	copy(a.nonce[:], b[24:])
	a.port = binary.BigEndian.Uint16(b[40:])
	a.external = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[44:60])).Unmap(), binary.BigEndian.Uint16(b[42:]))
	return a, checkOptions(b[pcpMapSize:])
}

func checkOptions(b []byte) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errPCPOption
		}
		size := 4 + (int(binary.BigEndian.Uint16(b[2:]))+3)&^3
		if size > len(b) {
			return errPCPOption
		}
		b = b[size:]
	}
	return nil
}
