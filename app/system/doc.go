// Package system asks the desktop around the program for small services, with
// or without a window: the browser, the file manager, the clipboard, a
// notification.
//
//	system.Browse("https://example.org")
//	system.Folder("/home/a/.local/share/pc2/logs")
//	system.Reveal("/home/a/Downloads/Report.pdf")
//	c := system.NewClipboard()
//	err := c.Copy("http://alice.example")
//	err := system.Notify(ctx, system.Notice{Title: "PC2", Text: "A new device wants to be let in."})
//
// None of them needs a toolkit that is running: the tray works before the
// window was ever opened. A notice is plain text, whatever stands in it: names
// that others chose are no markup.
package system
