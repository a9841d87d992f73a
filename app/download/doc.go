// Package download puts files into the folder where this user finds downloads.
//
//	dir, err := download.Folder()
//	name, err := download.Save(ctx, dir, "Report.pdf", func(w io.Writer) error { … })
//
// The webviews differ too much to leave it to them: WebKitGTK throws a download
// away without a word, WKWebView cannot do one as Wails sets it up, WebView2 has
// a way of its own. So the program writes the file itself, and the page shows
// how far it is.
//
// A file has its name only when all of it is on the disk, and takes no other's
// place: "Report.pdf" becomes "Report (2).pdf". One that was given up leaves
// nothing; after a crash there may be a hidden .pc2-….part.
package download
