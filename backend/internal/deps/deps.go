//go:build deps

// Package deps keeps go.mod stable while the packages that use these modules are being written.
package deps

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/decred/dcrd/dcrec/secp256k1/v4"
	_ "github.com/gofrs/flock"
	_ "github.com/google/uuid"
	_ "github.com/ipfs/boxo/ipld/merkledag"
	_ "github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	_ "github.com/klauspost/compress/gzhttp"
	_ "github.com/mr-tron/base58"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/tyler-smith/go-bip39"
	_ "github.com/zishang520/socket.io/servers/socket/v3"
	_ "golang.org/x/crypto/hkdf"
	_ "golang.org/x/crypto/sha3"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/text/unicode/norm"
	_ "golang.org/x/time/rate"
	_ "gopkg.in/natefinch/lumberjack.v2"
)
