package api

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// A room is how many bytes there may be of something, and how many there are.
type room struct {
	most int64 // fixed
	all  *semaphore.Weighted
	used atomic.Int64
}

func newRoom(most int64) *room { return &room{most: most, all: semaphore.NewWeighted(most)} }

// take waits for n bytes as long as ctx allows; its error is that of ctx.
func (r *room) take(ctx context.Context, n int64) error {
	err := r.all.Acquire(ctx, n)
	if err == nil {
		r.used.Add(n)
	}
	return err
}

func (r *room) tryTake(n int64) bool {
	ok := r.all.TryAcquire(n)
	if ok {
		r.used.Add(n)
	}
	return ok
}

func (r *room) give(n int64) {
	r.used.Add(-n)
	r.all.Release(n)
}
