package doorway

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"pc2/backend/boson"
)

// Protocol is the ALPN name.
const Protocol = "pc2-gw/1"

// ErrKey: the other end has another key than it should.
var ErrKey = errors.New("doorway: the other end shows another key")

// certify makes the self-signed certificate of a key. It says nothing but the
// key, and its dates hold always: a clock that is wrong keeps nobody out.
func certify(key boson.Key) (tls.Certificate, error) {
	seed := key.Seed()
	private := ed25519.NewKeyFromSeed(seed[:])
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}
	der, err := x509.CreateCertificate(nil, form, form, private.Public(), private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("doorway: certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}

// peer is whose key the other end has proved.
func peer(s tls.ConnectionState) (boson.ID, error) {
	if s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != Protocol || len(s.PeerCertificates) != 1 {
		return boson.ID{}, ErrKey
	}
	public, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return boson.ID{}, ErrKey
	}
	return boson.ID(public), nil
}

// settings are those of both ends.
func settings(own tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS13, NextProtos: []string{Protocol},
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // what goes through is frames and bodies, which are waited for as a whole
	}
}
