package boson

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "redacted"

// hidden is embedded in what holds secrets and prints "redacted" in its place,
// whatever the verb, the logger or the encoder.
type hidden struct{}

func (hidden) Format(s fmt.State, _ rune)   { io.WriteString(s, redacted) }
func (hidden) String() string               { return redacted }
func (hidden) GoString() string             { return redacted }
func (hidden) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (hidden) MarshalText() ([]byte, error) { return []byte(redacted), nil }
