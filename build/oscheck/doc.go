// Command oscheck type-checks packages, their tests and everything below them for
// another system, with their cgo files, and needs no C compiler or SDK of it.
//
//	oscheck -os darwin -arch arm64 -tags desktop,production ./app/... ./backend/cmd/...
//
// It exists for macOS: the tray and the window are cgo there, so neither go vet nor
// go build reaches them from Linux, and a wrong name would be noticed on a Mac
// only. `import "C"` is faked (types.Config.FakeImportC), so C and Objective-C are
// not looked at and nothing is linked. Exit 1 is a problem in the code, 2 one of
// this program.
package main
