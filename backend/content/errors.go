package content

import (
	"errors"
	"fmt"

	"pc2/backend/fault"
	"pc2/backend/store"
)

// Sentinels, found with errors.Is inside the faults that this package returns.
// (Faults compare by code, and several causes share a code.)
var (
	// ErrGone: the object's row or file is not there (any more). Between reading a
	// file's row and opening its object the file may have been overwritten or
	// deleted, so read the row again, once. The fault is subject_does_not_exist.
	ErrGone = errors.New("object is gone")

	// ErrCorrupt: the bytes on disk are not those that were written, or the key is
	// not the object's. No wrong byte was handed out. The fault is storage_unavailable.
	ErrCorrupt = errors.New("object is damaged")

	// ErrRange: the range does not lie inside the object.
	ErrRange = errors.New("range lies outside the object")

	// ErrUsed: the draft was committed or discarded before.
	ErrUsed = errors.New("draft was used already")
)

var errTooLarge = fault.New(fault.TooLarge, "too_large", "This file is larger than the store's format allows.")

func gone(id ID) error {
	return fault.New(fault.NotFound, "subject_does_not_exist", "This file does not exist any more.").
		Because(fmt.Errorf("%s: %w", id, ErrGone))
}

func corrupt(id ID, detail error) error {
	return fault.New(fault.Unavailable, "storage_unavailable", "The stored bytes of this file are damaged, so they are not shown.").
		Because(fmt.Errorf("%s: %w: %w", id, ErrCorrupt, detail))
}

func outside(off, n, size int64) error {
	return fault.New(fault.Range, "bad_request", "The requested range lies outside the file.").
		Because(fmt.Errorf("%d bytes at %d of %d: %w", n, off, size, ErrRange))
}

// diskError gives a failed file operation its kind: a full disk is store.ErrFull,
// anything else means that the disk does not do its work.
func diskError(doing string, id ID, err error) error {
	err = fmt.Errorf("%s object %s: %w", doing, id, err)
	if isFull(err) {
		return store.ErrFull.Because(err)
	}
	return fault.New(fault.Unavailable, "storage_unavailable", "The disk of this PC2 reported an error.").Because(err)
}
