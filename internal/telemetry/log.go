// Package telemetry makes what an operator sees of a running process: its log.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/term"
)

// NewLogger returns a logger that writes to w from the given level up ("debug",
// "info", "warn" or "error"): readable text on a terminal, else JSON, one
// object a line.
func NewLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	if IsTerminal(w) {
		return slog.New(slog.NewTextHandler(w, opts)), nil
	}
	return slog.New(slog.NewJSONHandler(escaper{w}, opts)), nil
}

// IsTerminal reports whether a person may be looking at w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr }) // a file, or a Writer to one
	return ok && term.IsTerminal(int(f.Fd()))
}
