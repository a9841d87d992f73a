// Package scheme makes this program the one that opens its links for this user,
// and puts it into the launcher, where no installer has done it.
//
//	s := scheme.New(scheme.Program{Entry: autostart.Entry{ID: "pc2", Name: "PC2", Exec: exe}, Scheme: "pc2", Icon: png})
//	err := s.Register(ctx) // at each start: a program that was moved is found again
//	err = s.Remove(ctx)
//
//	Linux    ~/.local/share/applications/pc2.desktop, its icon, and the default in
//	         ~/.config/mimeapps.list; nothing where a package has the same entry
//	         for this program, nor over an entry or a default of the user's own
//	Windows  HKCU\Software\Classes\pc2, and the name that notifications go by
//	macOS    nothing: the bundle's Info.plist says it (build/darwin)
//
// A link is an argument after "--", so that none can become an option, however
// it is quoted. Remove takes away what Register wrote, and nothing else; the
// entry has TryExec, so that one whose program is gone shows nowhere.
package scheme
