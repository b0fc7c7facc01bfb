package rpc

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// A job is a message that is to be replied to.
type job struct {
	request Request
	fault   *Response     // the answer, where it is known without the handler
	delay   time.Duration // before it is handled, to keep a pace
	holding holding       // of the message among those in hand
	ctx     deadlineContext

	once  sync.Once
	place int // in workers.hand; guarded by its mu
}

// ordered says whether its reply has to wait for those of earlier messages.
func (j *job) ordered() bool { return j.request.ID == nil }

// job makes a job of what Recv returned, and charges it.
func (v *server) job(ctx context.Context, msg []byte, err error) *job {
	now := time.Now()
	j := &job{}
	var busy *Response
	if j.delay, busy = v.meter.pace(now); busy == nil {
		j.holding, busy = v.meter.hold(ctx, len(msg))
	}
	switch {
	case err != nil && is(err, v.cfg.TooLarge):
		v.meter.note(true)
		j.fault = cmp.Or(busy, new(Fault(TooLarge, err.Error())))
		return j
	case err != nil:
		v.meter.note(false)
		j.fault = cmp.Or(busy, new(Fault(BadRequest, err.Error())))
		return j
	}
	if j.request, err = decodeRequest(msg); err != nil {
		v.meter.note(false)
		j.fault = cmp.Or(busy, new(Fault(BadRequest, err.Error())))
		return j
	}
	j.fault = busy
	limit := v.cfg.Timeout
	if j.request.Timeout > 0 {
		limit = min(limit, j.request.Timeout)
	}
	j.ctx.parent, j.ctx.deadline = ctx, now.Add(limit)
	if j.fault == nil && j.delay > limit {
		j.fault = new(FaultAfter("too many requests a second to answer this one in its time", j.delay).By(LimitDeadline))
	}
	return j
}
