// Package instance lets one desktop program run for a data directory, and lets
// a second start talk to the first.
//
//	i, err := instance.Claim(ctx, dir, os.Args[1:])
//	if errors.Is(err, instance.ErrTold) { return } // the first one has our arguments now
//	go i.Serve(ctx, func(args []string) { … })
//	defer i.Release()
//
// The claim is a file lock, taken before anything else is opened; the node's
// own lock is another one, because the node may be stopped while the program
// goes on. Beside it lies runtime/desktop.json (0600) with address and token
// of a door on loopback. Who can read that file is this user; what comes in is
// all the same bounded and for the caller to check.
package instance
