// Package fault is the one error that crosses package borders: what kind of
// failure it is, a stable machine code, a sentence for people, and the cause
// for the log.
//
//	return fault.New(fault.NotFound, "subject_does_not_exist", "There is no such file or folder.")
//	return fault.New(fault.Conflict, "item_with_same_name_exists", "A file of this name is here.").With("entry_name", name)
//	return fault.New(fault.Unavailable, "storage_unavailable", "The disk does not answer.").Because(err)
//
// Services return faults and know no HTTP; package api maps a Kind to a status
// and writes Code, Msg and Fields. The cause (Err) goes to the log and never to
// a client, so it may name paths and inner state; Msg may not.
//
// An error that is no fault is a bug or an unforeseen failure: it becomes 500
// with a request ID.
package fault
