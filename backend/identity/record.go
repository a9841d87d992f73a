package identity

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"pc2/backend/boson"
	"pc2/backend/wallet"
)

const recordFile = "identity.json"

// Labels that the keys of identity.json's two secrets are derived with.
const (
	labelSeed   = "pc2 identity seed v1"
	labelPhrase = "pc2 identity phrase v1"
)

// spki precedes the 32 bytes of an Ed25519 public key in its DER form, which is
// how identity.json has always had it.
const spki = "302a300506032b6570032100"

// record is identity.json.
type record struct {
	NodeID       boson.ID        `json:"nodeId"`
	DID          string          `json:"did"`
	PublicKey    string          `json:"publicKey"`
	SealedKey    []byte          `json:"sealedKey"`
	SealedPhrase []byte          `json:"sealedPhrase"`
	Admin        *wallet.Address `json:"adminWalletAddress"`
	CreatedAt    time.Time       `json:"createdAt"`
}

func newRecord(key boson.Key, phrase Phrase, data DataKey, storeID string, now time.Time) *record {
	id, seed, entropy := key.ID(), key.Seed(), phrase.entropy()
	ad := storeID + id.String()
	return &record{
		NodeID:       id,
		DID:          id.DID(),
		PublicKey:    spki + hex.EncodeToString(id[:]),
		SealedKey:    seal(derive(data[:], nil, labelSeed), seed[:], ad),
		SealedPhrase: seal(derive(data[:], nil, labelPhrase), entropy[:], ad),
		CreatedAt:    now,
	}
}

// parseRecord reads identity.json and checks what can be checked without a key.
func parseRecord(data []byte) (*record, error) {
	var r record
	err := strict(data, &r)
	switch {
	case err != nil:
	case r.NodeID.IsZero() || r.DID != r.NodeID.DID() || r.PublicKey != spki+hex.EncodeToString(r.NodeID[:]):
		err = errors.New("nodeId, did and publicKey are not of one key")
	case len(r.SealedKey) != 32+overhead || len(r.SealedPhrase) != 32+overhead:
		err = fmt.Errorf("sealedKey of %d and sealedPhrase of %d bytes", len(r.SealedKey), len(r.SealedPhrase))
	case r.CreatedAt.IsZero():
		err = errors.New("no createdAt")
	}
	if err != nil {
		return nil, refuse(recordFile, "is damaged. Put it back from a backup, or move it away and start once with --restore-phrase-file.", err)
	}
	return &r, nil
}

func (r *record) encode() ([]byte, error) { return encode(r) }

// open returns the key and the phrase, once they are proven to belong together
// and to the node ID.
func (r *record) open(data DataKey, storeID string) (boson.Key, Phrase, error) {
	key, err := r.key(data, storeID)
	if err != nil {
		return boson.Key{}, Phrase{}, err
	}
	phrase, err := r.phrase(data, storeID)
	if err != nil {
		return boson.Key{}, Phrase{}, err
	}
	if key.ID() != r.NodeID {
		return boson.Key{}, Phrase{}, errors.New("the sealed key is not that of nodeId")
	}
	if phrase.roots().node().ID() != r.NodeID {
		return boson.Key{}, Phrase{}, errors.New("the sealed phrase is not that of nodeId")
	}
	return key, phrase, nil
}

func (r *record) key(data DataKey, storeID string) (boson.Key, error) {
	seed, err := unseal(derive(data[:], nil, labelSeed), r.SealedKey, storeID+r.NodeID.String())
	if err != nil {
		return boson.Key{}, fmt.Errorf("sealedKey: %w", err)
	}
	return boson.KeyFromSeed(boson.Seed(seed)), nil
}

func (r *record) phrase(data DataKey, storeID string) (Phrase, error) {
	entropy, err := unseal(derive(data[:], nil, labelPhrase), r.SealedPhrase, storeID+r.NodeID.String())
	if err != nil {
		return Phrase{}, fmt.Errorf("sealedPhrase: %w", err)
	}
	return phraseOf([32]byte(entropy)), nil
}
