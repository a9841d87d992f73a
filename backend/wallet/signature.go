package wallet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"pc2/backend/fault"
)

const (
	// MaxMessage is the longest message Recover hashes. A sign-in text has a few hundred bytes.
	MaxMessage = 64 << 10
	// MaxSignature is the longest signature, in bytes, that ParseSignature decodes.
	// Wallets without a contract send 64 or 65; contract wallets (ERC-1271, ERC-6492) send more.
	MaxSignature = 8 << 10
)

// ErrSignature: the signature is malformed, not canonical, or recovers to no address.
var ErrSignature = fault.New(fault.Unauthenticated, "signature_invalid", "Invalid wallet signature")

// ParseSignature decodes a signature from hex, with or without 0x. It checks no
// more than the size: what the bytes mean, Recover says.
func ParseSignature(s string) ([]byte, error) {
	s = strings.TrimPrefix(s, "0x")
	if s == "" || len(s) > 2*MaxSignature {
		return nil, ErrSignature.Because(fmt.Errorf("%d hex digits", len(s)))
	}
	sig, err := hex.DecodeString(s)
	if err != nil {
		return nil, ErrSignature.Because(errors.New("not hex"))
	}
	return sig, nil
}

// Digest is what personal_sign signs: the hash of EIP-191, version 0x45.
func Digest(message []byte) [32]byte {
	return keccak([]byte("\x19Ethereum Signed Message:\n"+strconv.Itoa(len(message))), message)
}

// Recover returns the address whose key signed message with personal_sign.
// The caller compares it with the address that was claimed.
func Recover(message, signature []byte) (Address, error) {
	if len(message) > MaxMessage {
		return Address{}, ErrSignature.Because(fmt.Errorf("message of %d bytes", len(message)))
	}
	compact, err := canonical(signature)
	if err != nil {
		return Address{}, ErrSignature.Because(err)
	}
	digest := Digest(message)
	// Checks that r and s lie in [1, n-1], that r is the x of a point, and that the key is not infinity.
	key, _, err := ecdsa.RecoverCompact(compact[:], digest[:])
	if err != nil {
		return Address{}, ErrSignature.Because(err)
	}
	return addressOf(key), nil
}

// canonical turns both encodings into decred's: recovery code + 27 ‖ r ‖ s. The
// codes 2 and 3 (r overflowed n) cannot be expressed by a wallet and do not occur.
func canonical(sig []byte) (compact [65]byte, err error) {
	var parity byte
	switch len(sig) {
	case 65:
		switch v := sig[64]; v {
		case 0, 1:
			parity = v
		case 27, 28:
			parity = v - 27
		default:
			return compact, fmt.Errorf("v is %d", v)
		}
		copy(compact[1:], sig[:64])
	case 64:
		copy(compact[1:], sig)
		parity = compact[33] >> 7
		compact[33] &= 0x7f
	default:
		return compact, fmt.Errorf("signature of %d bytes", len(sig))
	}
	compact[0] = 27 + parity
	var s secp256k1.ModNScalar
	if overflow := s.SetByteSlice(compact[33:]); overflow || s.IsOverHalfOrder() {
		return compact, errors.New("s is not in the lower half")
	}
	return compact, nil
}

func addressOf(key *secp256k1.PublicKey) (a Address) {
	sum := keccak(key.SerializeUncompressed()[1:])
	copy(a[:], sum[12:])
	return a
}
