package feed

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// Run tells watchers until ctx ends. Then all of them are told the end, and
// nobody watches any more.
func (h *Hub) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range h.cfg.Looks {
		workers.Go(func() { h.work(ctx) })
	}
	workers.Wait()
	for _, x := range h.close() {
		x.w.Ended(rpc.EndShutdown)
	}
	return nil
}

func (h *Hub) close() (all []*watch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, t := range h.topics {
		all = append(all, t.everybody()...)
		h.drop(t)
	}
	return all
}

// everybody is who watches. The caller holds Hub.mu.
func (t *topic) everybody() []*watch {
	all := make([]*watch, 0, len(t.watchers))
	for x := range t.watchers {
		all = append(all, x)
	}
	return all
}

// work looks at topics as they are due.
func (h *Hub) work(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		t, wait := h.next()
		if t != nil {
			h.visit(ctx, t)
			continue
		}
		timer.Reset(wait)
		select {
		case <-h.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// idle is how long a worker sleeps at most.
const idle = time.Hour

// next returns a topic that is due, or how long that takes.
func (h *Hub) next() (*topic, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.due) == 0 {
		return nil, idle
	}
	if d := time.Until(h.due[0].at); d > 0 {
		return nil, min(d, idle)
	}
	t := heap.Pop(&h.due).(*topic)
	t.looking = true
	if len(h.due) > 0 {
		h.rouse() // another worker may take the next
	}
	return t, 0
}

// visit looks at t and tells its watchers what is new.
func (h *Hub) visit(ctx context.Context, t *topic) {
	err := h.pace.Wait(ctx)
	var e rpc.Event
	var sum uint32
	if err == nil {
		e, sum, err = h.ask(ctx, t.account)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		h.log.Debug("look", "account", t.account, "err", err)
		for _, x := range h.failed(t) {
			x.w.Ended(rpc.EndUnavailable)
		}
	} else if now, all := h.took(t, e, sum); len(all) > 0 {
		for _, x := range all {
			x.w.Changed(now)
		}
	}
	h.done(t)
}

// took takes in a state, and returns whom to tell what.
func (h *Hub) took(t *topic, e rpc.Event, sum uint32) (rpc.Event, []*watch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.failing = time.Time{}
	if !t.take(e, sum) {
		t.wait = min(t.wait+t.wait/2, h.cfg.MaxPoll)
		return rpc.Event{}, nil
	}
	t.wait, t.told = h.cfg.Poll, time.Now()
	return t.state, t.everybody()
}

// failed takes in that a look failed, and returns whom to tell the end.
func (h *Hub) failed(t *topic) []*watch {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if t.failing.IsZero() {
		t.failing, t.wait = now, h.firstRetry()
	} else {
		t.wait = min(2*t.wait, h.cfg.MaxRetry)
	}
	if now.Sub(t.failing) < h.cfg.GiveUp || h.topics[t.account] != t {
		return nil
	}
	all := t.everybody()
	h.drop(t)
	return all
}

func (h *Hub) firstRetry() time.Duration { return max(h.cfg.Poll, h.cfg.Pace) }

// done gives t back, and sees to when it is looked at next.
func (h *Hub) done(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	again := t.again
	t.looking, t.again = false, false
	switch {
	case h.topics[t.account] != t:
	case !t.failing.IsZero():
		h.schedule(t, time.Now().Add(jitter(t.wait)))
	case again:
		h.schedule(t, h.soon(t))
	case h.cfg.Poll > 0:
		h.schedule(t, time.Now().Add(jitter(t.wait)))
	}
}
