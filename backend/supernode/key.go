package supernode

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"pc2/backend/boson"
	"pc2/backend/internal/durable"
)

// loadKey reads the super node's key, or makes it. A file that holds none is
// refused and left: its node's names and relay sessions hang on it.
func loadKey(file string) (boson.Key, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		var seed [32]byte
		rand.Read(seed[:])
		if err := durable.Replace(file, []byte(hex.EncodeToString(seed[:])+"\n")); err != nil {
			return boson.Key{}, err
		}
		return boson.KeyFromSeed(seed), nil
	}
	if err != nil {
		return boson.Key{}, err
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(raw) != 32 {
		return boson.Key{}, fmt.Errorf("%s holds no key", file)
	}
	return boson.KeyFromSeed([32]byte(raw)), nil
}

// chosen are the ports that this super node had before.
type chosen struct {
	HTTP  int `json:"http"`
	Proxy int `json:"proxy"`
}

func readPorts(file string) (c chosen) {
	b, err := os.ReadFile(file)
	if err == nil && json.Unmarshal(b, &c) != nil {
		return chosen{} // any free ones, then
	}
	return c
}

func writePorts(file string, c chosen) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return durable.Replace(file, append(b, '\n'))
}
