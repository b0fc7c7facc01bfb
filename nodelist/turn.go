package nodelist

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// diskTime is how long a file may take to be read or written.
const diskTime = 5 * time.Second

// errDiskHangs is the error of whoever waited for longer.
var errDiskHangs = fmt.Errorf("the disk has not answered within %v", diskTime)

// A turn lets one at a time use a file, and nobody wait for a disk that hangs:
// what the system does not give back goes on by itself, and is never more than
// the one whose turn it is.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take runs f when it is its turn, and returns its result. It waits no longer
// than ctx, and diskTime at the most; f may still end after that.
func take[T any](ctx context.Context, t turn, f func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, diskTime, errDiskHangs)
	defer cancel()
	var none T
	select {
	case t <- struct{}{}:
	case <-ctx.Done():
		return none, hung(ctx)
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() { // waited for below, but not for longer than the disk deserves
		value, err := f()
		<-t
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, hung(ctx)
	}
}

// hung says why nobody waits any more: whoever gave up is not told of the disk.
func hung(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(ctx.Err(), context.Canceled) {
		return &givenUp{cause}
	}
	return context.Cause(ctx)
}
