package impair

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A Weather says what happens to the datagrams of one direction. The zero value
// lets everything pass.
type Weather struct {
	Loss      float64 // share of datagrams that vanish, 0 to 1
	Duplicate float64 // share of the others that come twice
	Reorder   float64 // share of what comes that is held for Held more
	// Delay is the time on the way of each, Jitter what chance adds to it at
	// most. Datagrams overtake each other by Reorder alone: Jitter keeps order.
	Delay, Jitter time.Duration
	Held          time.Duration
}

// Validate says what is wrong with w.
func (w Weather) Validate() error {
	for name, share := range map[string]float64{"loss": w.Loss, "duplicate": w.Duplicate, "reorder": w.Reorder} {
		if !(share >= 0 && share <= 1) { // NaN is neither
			return fmt.Errorf("impair: %s %v is not a share between 0 and 1", name, share)
		}
	}
	if w.Delay < 0 || w.Jitter < 0 || w.Held < 0 {
		return fmt.Errorf("impair: a negative time in %+v", w)
	}
	return nil
}

// A copy of a datagram is on its way for so long.
type copyOf struct {
	after time.Duration
	held  bool // it may be overtaken
}

// fate decides about one datagram: none, one or two copies of it arrive.
func (w Weather) fate(r *rand.Rand) []copyOf {
	if r.Float64() < w.Loss {
		return nil
	}
	n := 1
	if r.Float64() < w.Duplicate {
		n = 2
	}
	copies := make([]copyOf, n)
	for i := range copies {
		c := copyOf{after: w.Delay}
		if w.Jitter > 0 {
			c.after += time.Duration(r.Int64N(int64(w.Jitter)))
		}
		if r.Float64() < w.Reorder {
			c.after, c.held = c.after+w.Held, true
		}
		copies[i] = c
	}
	return copies
}
