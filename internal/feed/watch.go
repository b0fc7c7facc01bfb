package feed

import (
	"container/heap"
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
)

// Watch has w told of an account; see [rpc.Feed]. The first watcher of an
// account waits, no longer than ctx, until it was looked at.
func (h *Hub) Watch(ctx context.Context, account string, since int64, w rpc.Watcher) (from int64, stop func(), fault *rpc.Response) {
	if err := rpc.CheckAccount(account); err != nil {
		return 0, nil, new(rpc.Fault(rpc.BadRequest, err.Error()))
	}
	place := rpc.CallerOf(ctx)
	t, fault := h.join(account, place)
	if fault != nil {
		return 0, nil, fault
	}
	if err := h.learn(ctx, t); err != nil {
		h.leave(t, nil, place)
		switch {
		case errors.Is(err, errBusy):
			return 0, nil, new(rpc.FaultAfter("the node looks at too many accounts that were not watched before", firstWait).By(rpc.LimitFirstLooks))
		case ctx.Err() != nil:
			return 0, nil, new(rpc.Fault(rpc.Timeout, "the node did not finish in time"))
		}
		h.log.Debug("account not watched", "account", account, "err", err)
		return 0, nil, new(rpc.Fault(rpc.Unavailable, "the node cannot look at the account"))
	}
	x := &watch{w}
	from, fault = h.begin(t, x, since)
	if fault != nil {
		return 0, nil, fault
	}
	return from, func() { h.leave(t, x, place) }, nil
}

// begin tells x how t stands, if that may be news, and has it told of what
// follows. Nobody else tells x before it knows the present state, or an older one
// could come last. It returns the Seq of that state.
func (h *Hub) begin(t *topic, x *watch, since int64) (from int64, fault *rpc.Response) {
	knows := func(e rpc.Event) bool { return !mayBeNewer(e, since, time.Now()) }
	for {
		now, in, fault := h.admit(t, x, knows)
		if in || fault != nil {
			return now.Seq, fault
		}
		x.w.Changed(now)
		knows = func(e rpc.Event) bool { return e.Seq == now.Seq }
	}
}

// join returns the topic of an account, with a place for one more watcher, of an
// address.
func (h *Hub) join(account string, place netip.Addr) (*topic, *rpc.Response) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[account]
	switch {
	case h.closed:
		return nil, new(goingAway())
	case h.watchers >= h.cfg.Watchers:
		return nil, new(rpc.FaultAfter("the node has all the subscriptions that it may have", retryAfter).By(rpc.LimitSubscriptions))
	case place.IsValid() && h.held[place] >= h.mostOfOne():
		return nil, new(rpc.FaultAfter("this address has all the subscriptions that one may have", retryAfter).By(rpc.LimitSubscriptionsOfOne))
	case t == nil && len(h.topics) >= h.cfg.Accounts:
		return nil, new(rpc.FaultAfter("the node watches all the accounts that it may watch", retryAfter).By(rpc.LimitAccounts))
	case t == nil:
		t = &topic{account: account, place: notDue, wait: h.cfg.Poll, watchers: make(map[*watch]struct{}), from: make(map[netip.Addr]int)}
		h.topics[account] = t
	}
	t.users++
	h.watchers++
	if place.IsValid() {
		t.from[place]++
		h.held[place]++
	}
	return t, nil
}

// shareOf is the part of all places that one address may have, the others for the
// accounts that it alone watches included.
const shareOf = 4

// mostOfOne is how many watchers one address may have: no more than a part of
// the watchers, nor of the accounts, of which each may be another.
func (h *Hub) mostOfOne() int { return max(1, min(h.cfg.Watchers, h.cfg.Accounts)/shareOf) }

// retryAfter is when whoever found no place may look for one again.
const retryAfter = 10 * time.Second

func goingAway() rpc.Response { return rpc.Fault(rpc.Unavailable, "the node is going away") }

func (h *Hub) ask(ctx context.Context, account string) (rpc.Event, uint32, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.LookTimeout)
	defer cancel()
	text, err := h.look(ctx, account)
	if err != nil {
		return rpc.Event{}, 0, err
	}
	return read(account, text)
}

// admit lets x be told of what follows the present state, if it knows that, and
// returns the state.
func (h *Hub) admit(t *topic, x *watch, knows func(rpc.Event) bool) (now rpc.Event, in bool, fault *rpc.Response) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topics[t.account] != t { // it was given up meanwhile, and its places with it
		return rpc.Event{}, false, new(goingAway())
	}
	if in = knows(t.state); in {
		t.watchers[x] = struct{}{}
	}
	return t.state, in, nil
}

// leave gives up the place of x, or, if x is nil, of one of an address that never
// watched.
func (h *Hub) leave(t *topic, x *watch, place netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topics[t.account] != t {
		return
	}
	if x != nil {
		if _, in := t.watchers[x]; !in {
			return
		}
		delete(t.watchers, x)
	}
	t.users--
	h.watchers--
	if place.IsValid() {
		h.giveBack(place, 1)
		if t.from[place]--; t.from[place] == 0 {
			delete(t.from, place)
		}
	}
	if t.users == 0 {
		h.drop(t)
	}
}

// giveBack takes n places back from an address. The caller holds mu.
func (h *Hub) giveBack(place netip.Addr, n int) {
	if h.held[place] -= n; h.held[place] == 0 {
		delete(h.held, place)
	}
}

// drop forgets a topic with all its places. The caller holds mu.
func (h *Hub) drop(t *topic) {
	h.watchers -= t.users
	t.users = 0
	for place, n := range t.from {
		h.giveBack(place, n)
	}
	clear(t.from)
	delete(h.topics, t.account)
	if t.place != notDue {
		heap.Remove(&h.due, t.place)
	}
}

// Changed says that accounts have changed. It only takes note.
func (h *Hub) Changed(changes []ledger.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.topics) == 0 {
		return
	}
	for _, c := range changes {
		t := h.topics[c.ID]
		switch {
		case t == nil:
		case t.looking:
			t.again = true
		case t.place == notDue || t.at.After(h.soon(t)):
			h.schedule(t, h.soon(t))
		}
	}
}

// soon is when watchers of t may be told again. The caller holds mu.
func (h *Hub) soon(t *topic) time.Time {
	now, next := time.Now(), t.told.Add(h.cfg.Pace)
	if next.Before(now) {
		return now
	}
	return next
}

// schedule has t looked at then, and not when it was to be. The caller holds mu.
func (h *Hub) schedule(t *topic, at time.Time) {
	t.at = at
	if t.place == notDue {
		heap.Push(&h.due, t)
	} else {
		heap.Fix(&h.due, t.place)
	}
	h.rouse()
}

// rouse has a worker look at what is due.
func (h *Hub) rouse() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}
