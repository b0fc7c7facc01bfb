package feed

import (
	"context"
	"errors"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// firstWait is how long a first look may take to begin. How many wait has its
// limit in the places of watchers, of an address and of all, that they hold.
const firstWait = 2 * time.Second

// errBusy says that a first look would have to wait too long.
var errBusy = errors.New("too many first looks")

// A firstLook is one that several may wait for.
type firstLook struct {
	done chan struct{} // closed when the look has ended
	err  error         // why it failed; set before
	gone bool          // nobody else's failure: who looked has gone, or had no place
}

// learn waits until the state of an account is known that was not watched
// before. The first who comes looks, the others wait for what he finds.
func (h *Hub) learn(ctx context.Context, t *topic) error {
	for {
		h.mu.Lock()
		f := t.first
		switch {
		case t.known:
			h.mu.Unlock()
			return nil
		case f == nil:
			f = &firstLook{done: make(chan struct{})}
			t.first = f
			h.mu.Unlock()
			return h.lookFirst(ctx, t, f)
		}
		h.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if f.err != nil && !f.gone {
			return f.err
		}
	}
}

// lookFirst looks at an account, and tells those who wait.
func (h *Hub) lookFirst(ctx context.Context, t *topic, f *firstLook) error {
	e, sum, err := h.paced(ctx, t.account)
	h.mu.Lock()
	defer h.mu.Unlock()
	f.err, f.gone = err, err != nil && (ctx.Err() != nil || errors.Is(err, errBusy))
	t.first = nil
	close(f.done)
	if err != nil || t.known || h.topics[t.account] != t { // who looked later knows better
		return err
	}
	t.take(e, sum)
	if h.cfg.Poll > 0 && !t.looking {
		h.schedule(t, time.Now().Add(jitter(t.wait)))
	}
	return nil
}

// paced looks at an account as fast as first looks may: they take half of what
// all may take, so that those who watch already are told as well. It begins
// within firstWait, or not at all.
func (h *Hub) paced(ctx context.Context, account string) (e rpc.Event, sum uint32, err error) {
	wait, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	if h.lines.enter(wait, rpc.CallerOf(ctx)) != nil {
		return e, 0, overdue(ctx)
	}
	defer h.lines.leave()
	if h.firsts.Wait(wait) != nil || h.pace.Wait(wait) != nil {
		return e, 0, overdue(ctx)
	}
	return h.ask(ctx, account)
}

func overdue(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errBusy
}
