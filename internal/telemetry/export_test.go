package telemetry

import "io"

// NewProgressOn returns a Progress for a terminal of some width, which w plays.
func NewProgressOn(w io.Writer, width int) *Progress {
	return newProgress(w, func() int { return width })
}
