package telemetry

import (
	"io"
	"net/http"
)

// NewProgressOn returns a Progress for a terminal of some width, which w plays.
func NewProgressOn(w io.Writer, width int) *Progress {
	return newProgress(w, func() int { return width })
}

// Profiles is how many profiles are being made.
func Profiles(ops http.Handler) int { return len(ops.(*Ops).profiles) }
