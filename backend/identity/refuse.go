package identity

import "pc2/backend/fault"

// ErrRefused: the files of the data directory do not fit together, or to this
// program. The error's field "file" names the one; nothing was changed.
var ErrRefused = fault.New(fault.Conflict, "data_refused", "These data cannot be opened.")

// refuse says that file is the reason why the directory is left alone. why goes
// after the file's name and tells what to do where there is something.
func refuse(file, why string, cause error) error {
	return fault.New(ErrRefused.Kind, ErrRefused.Code, file+" "+why+" Nothing was changed.").With("file", file).Because(cause)
}

// errNewer: the directory was written by a newer program.
func errNewer(cause error) error {
	return fault.New(fault.Conflict, "schema_too_new",
		"These data were written by a newer PC2. Start that version, or a newer one. Nothing was changed.").With("file", formatFile).Because(cause)
}
