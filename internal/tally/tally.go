// Package tally counts what happens, by names of a closed set, and notes how
// long or how large it was. Who counts pays for an atomic addition or two; what
// was counted is put together when somebody asks.
package tally

import (
	"maps"
	"sync/atomic"
)

// Counts are so many of each name. The map is fixed after [Of]; a name that is
// not of the set has no count.
type Counts[K comparable] map[K]*atomic.Uint64

// Of returns counts of those names, all zero.
func Of[K comparable](names []K) Counts[K] {
	c := make(Counts[K], len(names))
	for _, name := range names {
		c[name] = new(atomic.Uint64)
	}
	return c
}

// Load returns the counts of this moment, those that are zero included.
func (c Counts[K]) Load() map[K]uint64 {
	return maps.Collect(func(yield func(K, uint64) bool) {
		for name, n := range c {
			if !yield(name, n.Load()) {
				return
			}
		}
	})
}
