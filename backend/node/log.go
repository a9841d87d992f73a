package node

import (
	"log/slog"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"
)

// LogLevel is what PC2_LOG_LEVEL asks for: debug, info, warn or error.
func LogLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(os.Getenv("PC2_LOG_LEVEL"))); err != nil {
		return slog.LevelInfo
	}
	return level
}

// logFile is <data>/logs/pc2.log, rotated: five files of 5 MB. Secrets are types
// that redact themselves; nothing here has to know them.
func logFile(p paths) (*lumberjack.Logger, error) {
	if err := os.MkdirAll(p.logs(), 0o700); err != nil {
		return nil, err
	}
	return &lumberjack.Logger{Filename: filepath.Join(p.logs(), "pc2.log"), MaxSize: 5, MaxBackups: 4}, nil
}
