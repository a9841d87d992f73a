package store

import (
	"errors"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"pc2/backend/fault"
)

var (
	// ErrFull: the disk is full; nothing of the job is in the database.
	ErrFull = fault.New(fault.Full, "storage_full", "The disk of this PC2 is full. Nothing was changed; free some space and try again.")

	// ErrReadOnly: the database takes no writes any more; nothing of the job is in it.
	ErrReadOnly = fault.New(fault.Unavailable, "storage_unavailable", "The disk reported an error, so this PC2 accepts no changes until it is restarted. Everything can still be read.")

	// ErrUnknown: COMMIT failed; the job may be in the database or not. Use
	// IsUnknown to ask for it: to clients it looks like ErrReadOnly.
	ErrUnknown = errors.New("commit outcome unknown")

	// ErrClosed: the database is closed; nothing of the job is in it.
	ErrClosed = fault.New(fault.Unavailable, "service_unavailable", "This PC2 is shutting down.")
)

// IsUnknown says whether err leaves open if the job was committed.
func IsUnknown(err error) bool { return errors.Is(err, ErrUnknown) }

// IsUnique says whether err is a broken UNIQUE or PRIMARY KEY constraint.
func IsUnique(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_CONSTRAINT_UNIQUE || c == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// code is SQLite's extended result code in err, or 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func isFull(err error) bool { return code(err)&0xff == sqlite3.SQLITE_FULL }

// isIdle says whether err tells that no transaction is open; SQLite has no code
// of its own for it.
func isIdle(err error) bool {
	return code(err) == sqlite3.SQLITE_ERROR && strings.Contains(err.Error(), "no transaction is active")
}
