// Package telemetry makes what an operator sees of a running process: its log,
// its metrics, and the page on the operator's port that shows how it does.
//
// What others can choose never becomes a label: see [Metric]. Who was refused is
// on the page alone.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"golang.org/x/term"
)

// NewLogger returns a logger that writes to w from the given level up ("debug",
// "info", "warn" or "error"): readable text on a terminal, else JSON, one
// object a line.
func NewLogger(w io.Writer, level string) (*slog.Logger, error) {
	l, err := ParseLevel(level)
	if err != nil {
		return nil, err
	}
	return NewLoggerAt(w, l), nil
}

// ParseLevel reads "debug", "info", "warn" or "error".
func ParseLevel(text string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return l, fmt.Errorf("log level %.40q: want debug, info, warn or error", text)
	}
	return l, nil
}

// LevelName is what [ParseLevel] reads.
func LevelName(l slog.Level) string { return strings.ToLower(l.String()) }

// NewLoggerAt is NewLogger with a level that may change meanwhile.
func NewLoggerAt(w io.Writer, level slog.Leveler) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if IsTerminal(w) {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(escaper{w}, opts))
}

// IsTerminal reports whether a person may be looking at w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr }) // a file, or a Writer to one
	return ok && term.IsTerminal(int(f.Fd()))
}
