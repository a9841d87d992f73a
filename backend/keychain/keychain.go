package keychain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"

	"pc2/backend/fault"
)

var (
	// ErrNone: there is no keychain here, such as without a desktop.
	ErrNone = fault.New(fault.Unavailable, "keychain_unavailable", "There is no keychain to use here.")
	// ErrLocked: it is there, and locked or silent.
	ErrLocked = fault.New(fault.Unavailable, "keychain_locked", "The keychain of this PC is locked.")
	// ErrMissing: it is open and has no such entry.
	ErrMissing = fault.New(fault.NotFound, "keychain_key_missing", "The keychain of this PC does not have this key.")
)

const (
	service = "PC2"
	// limit is far above what an open keychain takes, also while a PC starts.
	limit = 5 * time.Second
	// again is how often Unlock looks whether somebody has unlocked it.
	again = time.Second
)

// Keychain is that of this user. Its methods may be called from any goroutine.
type Keychain struct {
	turn chan struct{} // holds a value while a call runs: what hangs hangs once
}

// New starts nothing and asks nothing.
func New() *Keychain { return &Keychain{turn: make(chan struct{}, 1)} }

// Open is nil when the keychain runs and is unlocked. It starts nothing; where
// that cannot be told without asking the person, it is nil too.
func (k *Keychain) Open(ctx context.Context) error {
	_, err := do(ctx, k, func(ctx context.Context) (struct{}, error) { return struct{}{}, look(ctx, false) })
	return err
}

// Get reads the secret of an account.
func (k *Keychain) Get(ctx context.Context, account string) (string, error) {
	return do(ctx, k, func(ctx context.Context) (string, error) {
		if err := look(ctx, true); err != nil {
			return "", err
		}
		s, err := keyring.Get(service, account)
		return s, known(err)
	})
}

// Set writes the secret of an account, in place of the one that there is.
func (k *Keychain) Set(ctx context.Context, account, secret string) error {
	_, err := do(ctx, k, func(ctx context.Context) (struct{}, error) {
		if err := look(ctx, true); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, known(keyring.Set(service, account, secret))
	})
	return err
}

// Unlock asks the person to unlock the keychain, and returns when it is open. A
// person who says no is not asked again: it may still be opened in another way.
func (k *Keychain) Unlock(ctx context.Context) error {
	answered := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); <-answered }()
	go func() {
		defer close(answered)
		ask(ctx)
	}()
	tick := time.NewTicker(again)
	defer tick.Stop()
	for done := (<-chan struct{})(answered); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			done = nil
		case <-tick.C:
		}
		_, err := do(ctx, k, func(ctx context.Context) (struct{}, error) { return struct{}{}, look(ctx, true) })
		if err == nil {
			return nil
		}
	}
}

// do runs f in its turn and leaves it alone when it takes too long.
func do[T any](ctx context.Context, k *Keychain, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	var none T
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	silent := func() error {
		if caller.Err() != nil {
			return caller.Err()
		}
		return ErrLocked.Because(fmt.Errorf("no answer within %v", limit))
	}
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return none, silent()
	}
	answer := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if recover() != nil { // go-keyring takes the types in an answer for granted
				r = result{err: ErrNone.Because(errors.New("an answer that makes no sense"))}
			}
			<-k.turn
			answer <- r
		}()
		r.v, r.err = f(ctx)
	}()
	select {
	case r := <-answer:
		if r.err != nil && ctx.Err() != nil {
			return none, silent()
		}
		return r.v, r.err
	case <-ctx.Done():
		return none, silent()
	}
}

// known gives an error of the library its place here.
func known(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return ErrMissing
	default:
		return ErrNone.Because(plain(err))
	}
}
