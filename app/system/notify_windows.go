package system

import (
	"fmt"

	"git.sr.ht/~jackmordaunt/go-toast/v2"
)

// Notify shows a notification.
func Notify(title, text string) error {
	n := toast.Notification{AppID: "PC2", Title: title, Body: text}
	if err := n.Push(); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}
