package identity

import (
	"encoding/hex"
	"errors"
	"strings"
)

const (
	keyFile    = "encryption.key"
	maxKeyFile = 66 // 64 hex digits and CR LF
)

// parseLocalKey reads encryption.key. Its error never repeats what it read.
func parseLocalKey(data []byte) (key [32]byte, err error) {
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if len(text) != hex.EncodedLen(len(key)) {
		return key, errors.New("not 64 hex digits")
	}
	if _, err := hex.Decode(key[:], []byte(text)); err != nil {
		return [32]byte{}, errors.New("not 64 hex digits")
	}
	return key, nil
}

func encodeLocalKey(key [32]byte) []byte { return hex.AppendEncode(nil, key[:]) }
