package system

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// Reveal shows a file, marked, in its folder.
func Reveal(file string) error {
	if _, err := os.Stat(file); err != nil {
		return err
	}
	windir, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return err
	}
	// The Explorer reads its command line in a way of its own: no name on Windows has a quote.
	attr := &os.ProcAttr{Sys: &syscall.SysProcAttr{CmdLine: `explorer.exe /select,"` + file + `"`}}
	p, err := os.StartProcess(filepath.Join(windir, "explorer.exe"), []string{"explorer.exe"}, attr)
	if err != nil {
		return err
	}
	return p.Release()
}
