package identity

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"pc2/backend/boson"
	"pc2/backend/wallet"
)

func TestSLIP10(t *testing.T) {
	for _, v := range load(t).Slip10 {
		for _, step := range v.Chain {
			var path []uint32
			for _, p := range strings.Split(step.Path, "/")[1:] {
				n, err := strconv.ParseUint(strings.TrimSuffix(p, "'"), 10, 31)
				if err != nil {
					t.Fatal(err)
				}
				path = append(path, uint32(n))
			}
			seed, chain := slip10(unhex(t, v.Seed), path...)
			pub := boson.KeyFromSeed(seed).ID()
			if got := hex.EncodeToString(seed[:]); got != step.Private {
				t.Errorf("%s: private %s, want %s", step.Path, got, step.Private)
			}
			if got := hex.EncodeToString(chain[:]); got != step.ChainCode {
				t.Errorf("%s: chain code %s, want %s", step.Path, got, step.ChainCode)
			}
			if got := hex.EncodeToString(pub[:]); got != step.Public {
				t.Errorf("%s: public %s, want %s", step.Path, got, step.Public)
			}
		}
	}
}

func TestChain(t *testing.T) {
	for _, v := range load(t).Chain {
		p, err := ParsePhrase(v.Phrase)
		if err != nil {
			t.Fatal(err)
		}
		entropy := p.entropy()
		if hex.EncodeToString(entropy[:]) != v.Entropy || p.Reveal() != v.Phrase {
			t.Errorf("entropy %x, want %s", entropy, v.Entropy)
		}
		r := p.roots()
		if hex.EncodeToString(r.master) != v.BIP39Seed {
			t.Errorf("BIP-39 seed %x, want %s", r.master, v.BIP39Seed)
		}
		key := r.node()
		id, seed := key.ID(), key.Seed()
		if hex.EncodeToString(seed[:]) != v.Seed || hex.EncodeToString(id[:]) != v.PublicKey {
			t.Errorf("seed or public key of %s", v.NodeID)
		}
		if id.String() != v.NodeID || id.DID() != v.DID {
			t.Errorf("node id %s, want %s", id, v.NodeID)
		}
		if slot := r.slot(unhex(t, v.SlotSalt)); hex.EncodeToString(slot[:]) != v.SlotKey {
			t.Errorf("slot key %x, want %s", slot, v.SlotKey)
		}
		if got := deviceWallet(t, r.master); got != v.DeviceWallet {
			t.Errorf("device wallet %s, want %s", got, v.DeviceWallet)
		}
	}
}

// deviceWallet is what the page computes: BIP-32, m/44'/60'/0'/0/0. It is here so
// that the vectors that both sides test with are checked on both.
func deviceWallet(t *testing.T, master []byte) string {
	split := func(key, data []byte) (secp256k1.ModNScalar, []byte) {
		mac := hmac.New(sha512.New, key)
		mac.Write(data)
		sum := mac.Sum(nil)
		var n secp256k1.ModNScalar
		if n.SetByteSlice(sum[:32]) || n.IsZero() {
			t.Fatal("one in 2^127")
		}
		return n, sum[32:]
	}
	k, chain := split([]byte("Bitcoin seed"), master)
	for _, i := range []uint32{44 | hardened, 60 | hardened, hardened, 0, 0} {
		b := k.Bytes()
		data := append([]byte{0}, b[:]...)
		if i < hardened {
			data = secp256k1.NewPrivateKey(&k).PubKey().SerializeCompressed()
		}
		var child secp256k1.ModNScalar
		child, chain = split(chain, binary.BigEndian.AppendUint32(data, i))
		k.Add(&child)
	}
	message := []byte("who")
	digest := wallet.Digest(message)
	sig := ecdsa.SignCompact(secp256k1.NewPrivateKey(&k), digest[:], false)
	a, err := wallet.Recover(message, append(sig[1:], sig[0]))
	if err != nil {
		t.Fatal(err)
	}
	return a.Checksum()
}

// The files in testdata/golden were sealed by OpenSSL: the format on disk is
// what doc.go says, not what this program happens to read back.
func TestGolden(t *testing.T) {
	v := load(t)
	want := v.Chain[v.Golden.Chain]
	lay := func(names ...string) string {
		dir := t.TempDir()
		for _, name := range names {
			write(t, filepath.Join(dir, name), read(t, filepath.Join("testdata/golden", name)))
		}
		d, err := openDisk(dir, slog.New(slog.DiscardHandler), func(string, string) {})
		if err != nil {
			t.Fatal(err)
		}
		defer d.root.Close()
		if err := d.newDatabase(t.Context(), v.Golden.StoreID); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	check := func(id *Identity) {
		t.Helper()
		data, p := id.DataKey(), factOf(t, id).Phrase
		if id.ID().String() != want.NodeID || hex.EncodeToString(data[:]) != v.Golden.DataKey || p != want.Phrase || id.StoreID() != v.Golden.StoreID {
			t.Errorf("opened another identity: %s", id)
		}
	}
	phrase, err := ParsePhrase(want.Phrase)
	if err != nil {
		t.Fatal(err)
	}

	check(once(t, lay(keyFile, recordFile, formatFile), Phrase{}))
	check(once(t, lay(keyFile, recordFile, formatFile), phrase))

	dir := lay(recordFile, formatFile)
	check(once(t, dir, phrase)) // by the phrase slot
	check(once(t, dir, Phrase{}))
	if bytes.Equal(read(t, filepath.Join(dir, keyFile)), read(t, "testdata/golden/"+keyFile)) {
		t.Error("the new local key is the old one")
	}
	var before, after struct{ Keyslots []json.RawMessage }
	json.Unmarshal(read(t, "testdata/golden/"+formatFile), &before)
	json.Unmarshal(read(t, filepath.Join(dir, formatFile)), &after)
	if len(after.Keyslots) != 2 || bytes.Equal(compact(before.Keyslots[0]), compact(after.Keyslots[0])) || !bytes.Equal(compact(before.Keyslots[1]), compact(after.Keyslots[1])) {
		t.Errorf("slots after the restore: %s", after.Keyslots)
	}

	check(once(t, lay(keyFile, formatFile), phrase)) // identity.json lost
	check(once(t, lay(formatFile), phrase))          // and the local key
}

func compact(b []byte) []byte {
	var out bytes.Buffer
	json.Compact(&out, b)
	return out.Bytes()
}
