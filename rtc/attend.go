package rtc

import (
	"context"
	"sync"
	"time"
)

// An attendance sees to an open connection without a goroutine that waits for
// it to need something: most sessions do nothing most of the time, and each
// goroutine costs them a stack. Whoever hands something over calls, and a call
// starts a goroutine unless there is one, which leaves when all is done.
type attendance struct {
	attending sync.WaitGroup // the goroutine that attends, and the alarm

	mu     sync.Mutex
	live   bool        // guarded by mu; run has left
	over   bool        // guarded by mu; the connection has ended
	called bool        // guarded by mu; since the attendant last looked
	inside bool        // guarded by mu; somebody attends
	alarm  *time.Timer // guarded by mu
}

// leave is the end of run: it leaves an open connection to whoever is called, and to the end of its context.
func (c *conn) leave() {
	now := time.Now()
	_, age := c.limits()
	c.old = now.Add(age)
	if c.dials {
		c.local, c.look = c.localAddr(), now.Add(interfacesAge)
	}
	c.mu.Lock()
	c.live = true
	c.mu.Unlock()
	c.call() // for what came meanwhile, and to set the alarm
	context.AfterFunc(c.ctx, c.finish)
}

// call has somebody look at what was handed over.
func (c *conn) call() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live || c.over {
		return
	}
	c.called = true
	if !c.inside {
		c.inside = true
		c.attending.Go(c.attend)
	}
}

// attend does what there is to do.
func (c *conn) attend() {
	for c.stay() {
		for c.ctx.Err() == nil && c.attendOne() {
		}
		c.attendClock(time.Now())
	}
}

// stay reports whether there was a call since the last. If not, or if the
// connection is over, nobody is inside from now on.
func (c *conn) stay() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside = c.called && !c.over
	c.called = false
	return c.inside
}

// attendOne takes what was handed over, if there is anything.
func (c *conn) attendOne() bool {
	var err error
	select {
	case in := <-c.inbox:
		if !in.absent && !in.lost { // neither says anything about an open channel
			err = c.handle(*in)
		}
	case cand := <-c.candidates:
		c.sendCandidate(cand)
	case s := <-c.states:
		err = c.stateChanged(s)
	case <-c.dtls:
	case <-c.ended: // what has arrived stays readable
		err = ErrClosed
	case ch := <-c.channels:
		err = c.extraChannel(ch.dc)
	default:
		return false
	}
	if err != nil {
		c.cancel(c.fail(err))
	}
	return true
}

// attendClock does what is due, and sets the alarm for what is due next.
func (c *conn) attendClock(now time.Time) {
	if !now.Before(c.old) {
		c.session.wearOut()
	}
	if c.dials && !now.Before(c.look) {
		c.look = now.Add(interfacesAge)
		if err := c.stranded(); err != nil {
			c.cancel(c.fail(err))
		}
	}
	if due := c.due(now); !due.IsZero() {
		c.wakeAt(now, due)
	}
}

// due returns when there is something to do that nobody calls for.
func (c *conn) due(now time.Time) time.Time {
	switch {
	case !now.Before(c.old):
		return c.look // zero if nothing remains
	case c.dials && c.look.Before(c.old):
		return c.look
	}
	return c.old
}

// wakeAt sets the alarm, which is a call.
func (c *conn) wakeAt(now, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := at.Sub(now)
	switch {
	case c.over:
	case c.alarm == nil:
		c.attending.Add(1)
		c.alarm = time.AfterFunc(d, c.rung)
	case c.alarm.Reset(d): // it had not rung
	default:
		c.attending.Add(1)
	}
}

func (c *conn) rung() {
	defer c.attending.Done()
	c.call()
}

// finish ends an open connection when nobody is inside any more. It runs in the
// goroutine that the end of its context has started.
func (c *conn) finish() {
	c.mu.Lock()
	c.over = true
	if c.alarm != nil && c.alarm.Stop() {
		c.attending.Done()
	}
	c.mu.Unlock()
	c.attending.Wait()
	c.end()
}
