package api

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// A JSON log must not write a number for where a request came in.
func TestIngressInJSON(t *testing.T) {
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "from", loopback)
	if !strings.Contains(log.String(), `"from":"loopback"`) {
		t.Fatal(log.String())
	}
}
