// Package keychain keeps small secrets where the operating system keeps its
// user's passwords: the Secret Service of a Linux desktop (GNOME, KDE,
// KeePassXC), the Keychain of macOS, the Credential Manager of Windows.
//
//	k := keychain.New()
//	err := k.Set(ctx, account, secret)
//	secret, err := k.Get(ctx, account)      // ErrMissing, ErrLocked, ErrNone
//	if errors.Is(err, keychain.ErrLocked) {
//		err = k.Unlock(ctx)                 // asks the person; returns when it is open
//	}
//
// The entries have the service PC2 and an account that the caller chooses.
//
// A keychain may be locked, ask for a password, hang, or not be there at all:
// without a desktop there is none. So every call but Unlock has a time limit
// and, on Linux, asks nobody anything and starts no session bus. A call that is
// over its limit is left alone and no second one is sent after it. Unlock is the
// one that asks, once, and then looks now and then until the keychain is open,
// whoever opened it.
//
// Only the name of a D-Bus error comes out of this package: its text is written
// by whoever answers on the bus.
//
// On Linux an entry lies in the collection login, else in the default one. One
// that lives in memory alone (session) is none.
package keychain
