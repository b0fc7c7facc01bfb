package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

// hedgeAfter is how long who was asked last is the last: then the next is asked
// beside those that say nothing.
const hedgeAfter = time.Second

// errOvertaken is in the error of who was slower than another.
var errOvertaken = errors.New("another was faster")

// A trial asks one candidate. With leave it may have the next one begin earlier or
// later than hedgeAfter: so long from then on.
type trial[T any] func(ctx context.Context, leave func(time.Duration)) (T, error)

// A hedge asks candidates until one succeeds. The next begins as soon as one has
// failed, or the last has taken hedgeAfter; nobody is called off for being slow.
type hedge[T any] struct {
	next func() trial[T] // nil if there is no other; called by run only
	drop func(T)         // gets what succeeded too late
}

// A trialEnd is how the trial of that number has ended.
type trialEnd[T any] struct {
	i     int
	value T
	err   error
}

// run returns what succeeded first and its number, or -1, and the errors by number:
// nil at the winner's. When it returns every trial has. If ctx ended before anybody
// was asked, that is the only error.
func (h hedge[T]) run(ctx context.Context) (value T, winner int, errs []error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	ends, leaves := make(chan trialEnd[T]), make(chan leave)
	slow := time.NewTimer(hedgeAfter)
	defer slow.Stop()
	winner, open := -1, 0
	begin := func() {
		if winner >= 0 || ctx.Err() != nil {
			return
		}
		try := h.next()
		if try == nil {
			return
		}
		i := len(errs)
		errs = append(errs, nil)
		open++
		slow.Reset(hedgeAfter)
		go func() { // ends with the loop below, which takes its end
			v, err := try(ctx, func(d time.Duration) { leaves <- leave{i, d} })
			ends <- trialEnd[T]{i, v, err}
		}()
	}
	begin()
	for open > 0 {
		select {
		case <-slow.C:
			begin()
		case l := <-leaves:
			if l.i == len(errs)-1 {
				slow.Reset(l.d)
			}
		case e := <-ends:
			open--
			switch {
			case e.err != nil && winner >= 0:
				errs[e.i] = fmt.Errorf("%w: %w", errOvertaken, e.err)
			case e.err != nil:
				errs[e.i] = e.err
				begin()
			case winner >= 0:
				errs[e.i] = errOvertaken
				h.drop(e.value)
			default:
				value, winner = e.value, e.i
				end(errOvertaken)
			}
		}
	}
	if winner < 0 && len(errs) == 0 && ctx.Err() != nil {
		errs = append(errs, context.Cause(ctx))
	}
	return value, winner, errs
}

// A leave is what the trial of that number has asked for.
type leave struct {
	i int
	d time.Duration
}

// firstArchiver returns what ask gets of the first archiver to answer, or the
// errors of all.
func firstArchiver[T any](ctx context.Context, c *Client, ask func(ctx context.Context, a *nodelist.Client) (T, error)) (T, error) {
	left := c.archivers
	h := hedge[T]{drop: func(T) {}, next: func() trial[T] {
		if len(left) == 0 {
			return nil
		}
		a := left[0]
		left = left[1:]
		return func(ctx context.Context, _ func(time.Duration)) (T, error) { return ask(ctx, a) }
	}}
	value, winner, errs := h.run(ctx)
	if winner < 0 {
		var none T
		return none, together(errs)
	}
	return value, nil
}
