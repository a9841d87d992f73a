package system

import (
	"fmt"
	"os/exec"
)

// Notify shows a notification. Title and text are arguments of the script,
// never a part of it.
func Notify(title, text string) error {
	const script = `on run argv
display notification (item 2 of argv) with title (item 1 of argv)
end run`
	if err := exec.Command("osascript", "-e", script, title, text).Run(); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}
