package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pc2/backend/wallet"
)

func TestWrappedKeyOpensForItsOwnerAndObjectOnly(t *testing.T) {
	k, other := NewKeyring([32]byte{1}), NewKeyring([32]byte{2})
	alice, bob := wallet.Address{1}, wallet.Address{2}
	key := newKey()
	w, err := k.Wrap(alice, 7, key)
	if err != nil || len(w) != 12+32+16 {
		t.Fatal(len(w), err)
	}
	if got, err := k.Unwrap(alice, 7, w); err != nil || got != key {
		t.Fatal(err)
	}
	if again, _ := k.Wrap(alice, 7, key); bytes.Equal(again, w) {
		t.Fatal("nonce was used twice")
	}
	for name, try := range map[string]func() (Key, error){
		"other owner":  func() (Key, error) { return k.Unwrap(bob, 7, w) },
		"other object": func() (Key, error) { return k.Unwrap(alice, 8, w) },
		"other node":   func() (Key, error) { return other.Unwrap(alice, 7, w) },
		"short":        func() (Key, error) { return k.Unwrap(alice, 7, w[:59]) },
		"empty":        func() (Key, error) { return k.Unwrap(alice, 7, nil) },
	} {
		if got, err := try(); !errors.Is(err, ErrWrapped) || got != (Key{}) {
			t.Error(name, err)
		}
	}
}

func TestKeysPrintNothing(t *testing.T) {
	key := Key{0xab, 0xcd, 0xab, 0xcd}
	d := &Draft{Key: key}
	k := NewKeyring(key)
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "key", key, "draft", d, "ref", d.Ref(), "ring", k)
	}
	js, err := json.Marshal(d.Ref())
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(js)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		all += fmt.Sprintf(verb+verb+verb+verb+"\n", key, d.Ref(), &key, k)
	}
	for _, leak := range []string{"abcd", "ABCD", "171", "cdab"} {
		if strings.Contains(all, leak) {
			t.Fatalf("%s in\n%s", leak, all)
		}
	}
}
