package system

import "os/exec"

// Reveal shows a file, marked, in its folder.
func Reveal(file string) error { return exec.Command("open", "-R", "--", file).Run() }
