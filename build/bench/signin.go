//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"pc2/backend/wallet"
)

// signIn makes a wallet, claims the node with the code of its ready file, and
// gives the server's later requests the session's token.
func (s *server) signIn(ctx context.Context, readyFile string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	b, err := waitFile(ctx, readyFile)
	if err != nil {
		return err
	}
	var ready struct {
		ClaimCode string `json:"claim_code"`
	}
	if err := json.Unmarshal(b, &ready); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	key, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return err
	}
	address, err := wallet.Recover(nil, personalSign(key, ""))
	if err != nil {
		return err
	}
	var challenge struct{ Nonce, Message string }
	if err := s.call(ctx, "/auth/challenge", map[string]any{"address": address.String()}, &challenge); err != nil {
		return err
	}
	var login struct{ Token string }
	err = s.call(ctx, "/auth/particle", map[string]any{
		"address": address.String(), "nonce": challenge.Nonce, "message": challenge.Message, "claim_code": ready.ClaimCode,
		"signature": "0x" + hex.EncodeToString(personalSign(key, challenge.Message)),
	}, &login)
	if err != nil {
		return err
	}
	s.headers = "Authorization: Bearer " + login.Token + "\r\n"
	return nil
}

func personalSign(key *secp256k1.PrivateKey, message string) []byte {
	digest := wallet.Digest([]byte(message))
	sig := ecdsa.SignCompact(key, digest[:], false)
	return append(sig[1:], sig[0])
}

// call posts JSON and reads the answer.
func (s *server) call(ctx context.Context, target string, in map[string]any, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+target, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.headers != "" {
		req.Header.Set("Authorization", s.headers[len("Authorization: "):len(s.headers)-2])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d %s", target, res.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}
