package files

import "pc2/backend/fault"

// What can go wrong, with the codes of the API. Compare with errors.Is; the
// copies that come back may carry fields and causes.
var (
	ErrNotFound     = fault.New(fault.NotFound, "subject_does_not_exist", "There is no such file or folder.")
	ErrNoDest       = fault.New(fault.NotFound, "dest_does_not_exist", "The destination folder does not exist.")
	ErrNotFolder    = fault.New(fault.Invalid, "dest_is_not_a_directory", "The destination is a file, not a folder.")
	ErrIsFolder     = fault.New(fault.Invalid, "cannot_read_a_directory", "This is a folder; only files can be read.")
	ErrRoot         = fault.New(fault.Invalid, "cannot_write_to_root", "Nothing can be created beside the homes; choose a folder inside one.")
	ErrExists       = fault.New(fault.Conflict, "item_with_same_name_exists", "A file or folder of this name is already here.") // + entry_name
	ErrOverFolder   = fault.New(fault.Conflict, "cannot_overwrite_a_directory", "A folder of this name is already here, and a folder is not overwritten.")
	ErrNotEmpty     = fault.New(fault.Conflict, "conflict", "The folder is not empty.")
	ErrMoveIntoSelf = fault.New(fault.Invalid, "cannot_move_directory_into_itself", "A folder cannot be moved into itself.")
	ErrCopyIntoSelf = fault.New(fault.Invalid, "cannot_copy_directory_into_itself", "A folder cannot be copied into itself.")
	ErrSamePlace    = fault.New(fault.Invalid, "source_and_dest_are_the_same", "It is already there under this name.")
	ErrImmutable    = fault.New(fault.Denied, "forbidden", "This folder belongs to the layout of the home: it cannot be renamed, moved, deleted or replaced.")
	ErrQuota        = fault.New(fault.TooLarge, "storage_limit_reached", "There is not enough room left in the storage limit.")
	ErrStale        = fault.New(fault.Stale, "version_conflict", "The file has been changed by somebody else since it was read.")
	ErrUnavailable  = fault.New(fault.Unavailable, "storage_unavailable", "The content of this file cannot be read at the moment.")
)

// invalid is the fault of a field whose value is not acceptable.
func invalid(key, msg string) *fault.Error {
	return fault.New(fault.Invalid, "field_invalid", msg).With("key", key)
}

func badRequest(msg string) *fault.Error { return fault.New(fault.Invalid, "bad_request", msg) }
