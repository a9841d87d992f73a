// Package keychaintest gives a test a keychain of its own: a real
// gnome-keyring-daemon on a private session bus, with its own home.
//
//	d := keychaintest.Start(t)   // unlocked; this process now has that session bus
//	d.Lock()
//	d.Unlock()
//	d.Put("PC2", account, "garbage")
//	d.Remove("PC2", account)
//	d.End()                      // the daemon is gone, as in a session without one
//	cmd.Env = d.Env()            // for a child
//
// Nothing else is on the bus and it can start nothing, so the person's own
// keychain is never touched and nobody is asked: a prompt is over at once, as
// if it had been dismissed. Start skips the test, with the reason, where the
// programs are not installed; build/setup.sh installs them.
//
// Session does the same on a bus that the test has already, and leaves the
// environment alone. Start sets environment variables, so tests that use it are not parallel.
package keychaintest
