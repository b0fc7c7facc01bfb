package tally

import (
	"slices"
	"sync/atomic"
	"time"
)

// A Histogram notes how many values are not over each of some bounds. Its
// methods may be called from any goroutine; a value costs two additions.
type Histogram struct {
	bounds  []int64 // ascending; fixed
	unit    float64 // of what Load tells, in those of the bounds; fixed
	buckets []atomic.Uint64
	sum     atomic.Int64
}

// Sizes returns a histogram of numbers with the given bounds.
func Sizes(bounds ...int64) *Histogram {
	return &Histogram{bounds: slices.Clone(bounds), unit: 1, buckets: make([]atomic.Uint64, len(bounds)+1)}
}

// Times returns a histogram of durations with the given bounds.
func Times(bounds ...time.Duration) *Histogram {
	h := &Histogram{unit: float64(time.Second), buckets: make([]atomic.Uint64, len(bounds)+1)}
	for _, d := range bounds {
		h.bounds = append(h.bounds, int64(d))
	}
	return h
}

// Observe notes a number, or a duration in nanoseconds.
func (h *Histogram) Observe(v int64) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(v)
}

// Since notes how long it is since a moment.
func (h *Histogram) Since(began time.Time) { h.Observe(int64(time.Since(began))) }

// A Snapshot is a [Histogram] at one moment: durations are in seconds. What was
// noted meanwhile may be in one number and not yet in the other.
type Snapshot struct {
	Below map[float64]uint64 // how many values are not over a bound
	Count uint64             // of all values
	Sum   float64
}

// Load returns what was noted so far.
func (h *Histogram) Load() Snapshot {
	s := Snapshot{Below: make(map[float64]uint64, len(h.bounds)), Sum: float64(h.sum.Load()) / h.unit}
	for i := range h.buckets {
		s.Count += h.buckets[i].Load()
		if i < len(h.bounds) {
			s.Below[float64(h.bounds[i])/h.unit] = s.Count
		}
	}
	return s
}
