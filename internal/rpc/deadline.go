package rpc

import (
	"context"
	"sync"
	"time"
)

// A deadlineContext is the context of a request. It is a context.WithDeadline
// that is made when somebody first waits for it: most requests are answered
// from memory in microseconds, and their timers would cost more than that.
type deadlineContext struct {
	// Fixed.
	parent   context.Context
	deadline time.Time

	mu     sync.Mutex
	real   context.Context // guarded by mu; nil until it is needed
	cancel func()          // guarded by mu; of real
}

var _ context.Context = (*deadlineContext)(nil)

func (c *deadlineContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *deadlineContext) Done() <-chan struct{} { return c.make().Done() }

func (c *deadlineContext) Err() error {
	if real := c.made(); real != nil {
		return real.Err()
	}
	if err := c.parent.Err(); err != nil {
		return err
	}
	if time.Now().Before(c.deadline) {
		return nil
	}
	return c.make().Err() // so that it has a cause as well
}

func (c *deadlineContext) Value(key any) any {
	if real := c.made(); real != nil {
		return real.Value(key)
	}
	return c.parent.Value(key)
}

func (c *deadlineContext) made() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.real
}

func (c *deadlineContext) make() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil {
		c.real, c.cancel = context.WithDeadline(c.parent, c.deadline)
	}
	return c.real
}

// end ends the context: the request has been answered.
func (c *deadlineContext) end() {
	c.mu.Lock()
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}
