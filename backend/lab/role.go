//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// play is main of the program that this binary is in a namespace.
func play(role string, args []string, more map[string]Role) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run, ok := map[string]Role{"pc2super": pc2super, "browse": browse}[role]
	if !ok {
		run, ok = more[role]
	}
	if !ok {
		fmt.Println("no role", role)
		return 2
	}
	if err := run(ctx, args); err != nil {
		tell(report{Event: "error", Error: err.Error()})
		return 1
	}
	return 0
}

// report is a line that a program writes.
type report struct {
	Event    string `json:"event"`
	External string `json:"external,omitempty"`
	Method   string `json:"method,omitempty"`
	Private  bool   `json:"private,omitempty"`
	Behind   bool   `json:"behind,omitempty"`
	Error    string `json:"error,omitempty"`
	Kind     string `json:"kind,omitempty"`
	Heard    string `json:"heard,omitempty"`
	Millis   int64  `json:"ms,omitempty"`
	Bytes    int64  `json:"bytes,omitempty"`
	Path     string `json:"path,omitempty"`
	Sentence string `json:"sentence,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

func tell(r report) { json.NewEncoder(os.Stdout).Encode(r) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
