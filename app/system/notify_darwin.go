package system

import (
	"context"
	"fmt"
	"os/exec"
)

// Notify shows a notification; it leads nowhere. Title and text are arguments of
// the script, never a part of it.
func Notify(ctx context.Context, n Notice) error {
	const script = `on run argv
display notification (item 2 of argv) with title (item 1 of argv)
end run`
	if err := exec.CommandContext(ctx, "osascript", "-e", script, plain(n.Title), plain(n.Text)).Run(); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}
