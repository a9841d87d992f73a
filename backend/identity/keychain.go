package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"pc2/backend/fault"
	"pc2/backend/keychain"
)

// Keychain is package keychain's: the passwords of the operating system. Its
// account is the store id.
type Keychain interface {
	// Open is nil when it runs and is unlocked; nobody is asked.
	Open(context.Context) error
	Get(ctx context.Context, account string) (string, error)
	Set(ctx context.Context, account, secret string) error
}

// ErrOtherKey: what the keychain has is not the key to these data.
var ErrOtherKey = fault.New(fault.Conflict, "keychain_key_wrong", "The keychain of this PC has another key than that to these data.")

var errEntry = errors.New("the entry is not 64 hex digits")

// entry reads the key in the keychain. Its error never repeats what it read.
func (d *disk) entry(ctx context.Context, storeID string) (key [32]byte, err error) {
	s, err := d.keychain.Get(ctx, storeID)
	if err != nil {
		return key, err
	}
	if key, err = parseLocalKey([]byte(s)); err != nil {
		return key, errEntry
	}
	return key, nil
}

// unlockByKeychain opens the data key by the keychain's key.
func (d *disk) unlockByKeychain(ctx context.Context, o *opening) error {
	if d.keychain == nil {
		return keyIsElsewhere(keychain.ErrNone)
	}
	key, err := d.entry(ctx, o.format.StoreID)
	if err == nil {
		o.data, err = o.format.open(kindKeychain, func(slot) [32]byte { return key })
	}
	if err != nil {
		return keyIsElsewhere(err)
	}
	return nil
}

// keyIsElsewhere tells a person what to do about a key that is in a keychain.
func keyIsElsewhere(err error) error {
	const phrase = " Or start once with --restore-phrase-file. Nothing was changed."
	say := func(e *fault.Error, text string) error {
		return fault.New(e.Kind, e.Code, text+phrase).With("file", keyFile).Because(err)
	}
	switch {
	case errors.Is(err, keychain.ErrLocked):
		return say(keychain.ErrLocked, "The key to these data is in the keychain of this PC, which is locked or does not answer. Sign in to the desktop or unlock it there, and start again.")
	case errors.Is(err, keychain.ErrMissing):
		return say(keychain.ErrMissing, "The key to these data is in a keychain, and the one of this PC and user does not have it. Start as the user and on the desktop that had it.")
	case errors.Is(err, errEntry), errors.Is(err, errSeal):
		return say(ErrOtherKey, "The keychain of this PC has another key than that to these data. Put the entry PC2 back from a backup of the keychain.")
	default:
		return say(keychain.ErrNone, "The key to these data is in the keychain of a desktop, and there is none to ask here. Start PC2 in that desktop's session;"+
			" to start it without, start it there once with PC2_KEYCHAIN=off, which puts the key into a file.")
	}
}

// slotInKeychain gives the data a key in the keychain. An entry of these data
// that can be a key is used as it is: a copy of this directory may need it.
func (d *disk) slotInKeychain(ctx context.Context, o *opening) error {
	id := o.format.StoreID
	key, err := d.entry(ctx, id)
	if errors.Is(err, keychain.ErrMissing) || errors.Is(err, errEntry) {
		key = random32()
		d.step("set", "keychain")
		err = d.keychain.Set(ctx, id, string(encodeLocalKey(key)))
	}
	if err != nil {
		return err
	}
	d.step("get", "keychain")
	back, err := d.entry(ctx, id)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if subtle.ConstantTimeCompare(back[:], key[:]) != 1 {
		return errors.New("read back: another key than was written")
	}
	if err := o.format.put(slot{Kind: kindKeychain}, key, o.data); err != nil {
		return err
	}
	return d.keepFormat(o)
}

func (d *disk) keepFormat(o *opening) error {
	b, err := o.format.encode()
	if err != nil {
		return err
	}
	return d.keep(formatFile, b)
}
