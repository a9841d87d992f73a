package auth

import (
	"testing"
	"time"

	"pc2/backend/wallet"
)

func TestCacheTakesNoRowReadBeforeADrop(t *testing.T) {
	c, now := newCache(), time.Now()
	w, err := wallet.Parse("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
	if err != nil {
		t.Fatal(err)
	}
	p := Principal{User: User{Wallet: w}}
	read := c.generation()
	c.forget(w) // a revocation commits here
	c.put([32]byte{1}, p, now, read)
	if _, _, ok := c.get([32]byte{1}, now); ok {
		t.Fatal("the row of before the revocation is back")
	}
	c.put([32]byte{1}, p, now, c.generation())
	if _, _, ok := c.get([32]byte{1}, now); !ok {
		t.Fatal("a fresh row is not kept")
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for i := range maxCached + 10 {
		c.put([32]byte{byte(i), byte(i >> 8)}, Principal{}, time.Time{}, 0)
	}
	if len(c.byID) != maxCached {
		t.Fatalf("%d entries", len(c.byID))
	}
}

func TestOldChallengesAreSwept(t *testing.T) {
	c, now := newChallenges(), time.Now()
	for i := range 10 {
		c.put(&pending{nonce: string(rune('a' + i)), expires: now.Add(time.Duration(i) * time.Second)})
	}
	c.sweep(now.Add(4 * time.Second))
	if c.order.Len() != 6 || len(c.byNonce) != 6 || c.take("d") != nil || c.take("e") == nil {
		t.Fatalf("%d left", c.order.Len())
	}
	c.sweep(now.Add(time.Hour))
	if c.order.Len() != 0 || len(c.byNonce) != 0 || len(c.perFrom) != 0 {
		t.Fatalf("%d, %d, %d left", c.order.Len(), len(c.byNonce), len(c.perFrom))
	}
}
