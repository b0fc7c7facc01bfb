package impair

import (
	"context"
	"math/rand/v2"
	"time"
)

// Fate returns when the copies of one datagram arrive, and which are held.
func (w Weather) Fate(r *rand.Rand) (after []time.Duration, held []bool) {
	for _, c := range w.fate(r) {
		after, held = append(after, c.after), append(held, c.held)
	}
	return after, held
}

// A Queue is what is on its way.
type Queue struct{ q *queue }

// NewQueue makes one with room for so many.
func NewQueue(limit int) Queue { return Queue{newQueue(limit)} }

// Put has deliver called after a while.
func (q Queue) Put(after time.Duration, held bool, deliver func()) bool {
	return q.q.put(copyOf{after, held}, deliver)
}

// Run delivers until ctx ends.
func (q Queue) Run(ctx context.Context) { q.q.run(ctx) }
