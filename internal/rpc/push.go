package rpc

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// minEvent is what a stream must carry for subscriptions to make sense: the
// longest event.
const minEvent = 512

// subscriptions are those of one stream. Each holds one event at most, the
// newest, so a peer that reads slowly misses states between two, and never the
// last. One goroutine sends them, in the order in which they came up, while
// there are any.
type subscriptions struct {
	// Fixed.
	v    *server
	feed Feed
	pace *rate.Limiter // nil: as fast as they are read
	wg   sync.WaitGroup

	mu      sync.Mutex
	next    uint64                   // guarded by mu
	byID    map[string]*subscription // guarded by mu; nil while there is none
	queue   []*subscription          // guarded by mu; have something to send
	pushing bool                     // guarded by mu; a goroutine sends
	closed  bool                     // guarded by mu; nothing begins any more
}

// A subscription is the Watcher of one account for one peer.
type subscription struct {
	set *subscriptions
	id  string

	// Guarded by set.mu.
	stop   func() // nil until the feed has it
	open   bool   // its reply has been sent: from now on events may be
	queued bool
	gone   bool // it has ended
	has    bool // event is to be sent
	event  Event
	seen   int64  // the greatest Seq so far
	end    string // why it has ended; to be sent after the event
}

var _ Watcher = (*subscription)(nil)

func newSubscriptions(v *server) *subscriptions {
	s := &subscriptions{v: v, feed: v.cfg.Feed}
	if v.meter.own != nil {
		perSecond := v.meter.limits.now.Load().cfg.EventsPerSecond
		s.pace = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	}
	return s
}

// handle answers subscribe and unsubscribe; ok is false for everything else.
func (s *subscriptions) handle(ctx context.Context, r Request) (resp Response, ok bool) {
	if s.feed == nil || !strings.HasSuffix(r.Type(), "subscribe") {
		return Response{}, false
	}
	path, _, _ := strings.Cut(r.URL, "?")
	switch path = strings.TrimSuffix(path, "/"); {
	case path == "subscribe" && r.Method == http.MethodPost:
		return s.subscribe(ctx, r), true
	case path == "unsubscribe":
		return s.unsubscribe(r), true
	}
	return Response{}, false
}

func (s *subscriptions) subscribe(ctx context.Context, r Request) Response {
	account, since, err := readSubscribe(r.Body)
	if err != nil {
		return Fault(BadRequest, err.Error())
	}
	if limit := s.v.stream.MaxSend(); limit < minEvent {
		return Fault(TooLarge, fmt.Sprintf("the connection carries %d bytes, and an event may take %d", limit, minEvent))
	}
	sub, fault := s.add()
	if fault != nil {
		return *fault
	}
	from, stop, fault := s.feed.Watch(ctx, account, since, sub)
	if fault != nil {
		s.remove(sub.id)
		return *fault
	}
	if !sub.begin(stop) {
		stop()
		return Fault(NotFound, "the subscription was ended before it had begun")
	}
	resp := Encoded(fmt.Appendf(nil, `{"since":%d,"subscription":"%s"}`, from, sub.id))
	resp.subscription = sub
	return resp
}

func (s *subscriptions) unsubscribe(r Request) Response {
	id, err := readUnsubscribe(r.Body)
	if err != nil {
		return Fault(BadRequest, err.Error())
	}
	if !s.remove(id) {
		return Fault(NotFound, "there is no such subscription, or it has ended")
	}
	return Encoded(append(appendString([]byte(`{"subscription":`), id), '}'))
}

// add makes a subscription that waits for its reply to be sent.
func (s *subscriptions) add() (*subscription, *Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.byID); n >= s.v.cfg.Subscriptions {
		return nil, new(Fault(Busy, fmt.Sprintf("this connection has %d subscriptions, which is all it may have: end one first", n)).By(LimitStream))
	}
	if s.byID == nil {
		s.byID = make(map[string]*subscription)
	}
	s.next++
	sub := &subscription{set: s, id: strconv.FormatUint(s.next, 10)}
	s.byID[sub.id] = sub
	return sub, nil
}

// remove ends a subscription without a word.
func (s *subscriptions) remove(id string) bool {
	s.mu.Lock()
	sub := s.byID[id]
	if sub == nil {
		s.mu.Unlock()
		return false
	}
	delete(s.byID, id)
	sub.gone = true
	stop := sub.stop
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	return true
}

// begin keeps how to stop sub, unless that has been asked for already.
func (sub *subscription) begin(stop func()) bool {
	sub.set.mu.Lock()
	defer sub.set.mu.Unlock()
	sub.stop = stop
	return !sub.gone
}

// replied lets events follow the reply, if it was the one that was sent:
// another may have been, when the request's time was up.
func (sub *subscription) replied(sent bool) {
	if !sent {
		sub.set.remove(sub.id)
		return
	}
	sub.set.mu.Lock()
	defer sub.set.mu.Unlock()
	sub.open = true
	sub.ready()
}

// Changed keeps e to be sent, in place of what was kept before.
func (sub *subscription) Changed(e Event) {
	sub.set.mu.Lock()
	defer sub.set.mu.Unlock()
	if sub.gone || sub.end != "" || e.Seq <= sub.seen {
		return
	}
	sub.seen, sub.event, sub.has = e.Seq, e, true
	sub.ready()
}

// Ended has the peer told, after the event that is kept.
func (sub *subscription) Ended(reason string) {
	sub.set.mu.Lock()
	defer sub.set.mu.Unlock()
	if !sub.gone && sub.end == "" {
		sub.end = reason
		sub.ready()
	}
}

// ready puts sub into the queue if there is anything to send. The caller holds
// the lock.
func (sub *subscription) ready() {
	s := sub.set
	if !sub.open || sub.queued || sub.gone || !sub.has && sub.end == "" {
		return
	}
	sub.queued = true
	s.queue = append(s.queue, sub)
	if !s.pushing {
		s.pushing = true
		s.wg.Go(s.push)
	}
}

// push sends what is in the queue, as fast as the peer reads and its pace and
// that of all allow. What changes meanwhile is sent in its latest state.
func (s *subscriptions) push() {
	for s.waits() {
		s.keepPace()
		buf := replies.Get().(*[]byte)
		if *buf = s.take((*buf)[:0]); len(*buf) > 0 {
			if err := s.v.stream.Send(s.v.ctx, *buf); err != nil && s.v.ctx.Err() == nil {
				s.v.log.Debug("event not sent", "err", err)
			}
		}
		replies.Put(buf)
	}
}

// waits reports whether anything is in the queue; if not, the goroutine ends.
func (s *subscriptions) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushing = len(s.queue) > 0
	if !s.pushing {
		s.queue = nil
	}
	return s.pushing
}

func (s *subscriptions) keepPace() {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if s.pace == nil || closed {
		return
	}
	// They fail with the stream, as sending will.
	if s.pace.Wait(s.v.ctx) == nil {
		_ = s.v.meter.limits.now.Load().events.Wait(s.v.ctx)
	}
}

// take appends the next message to buf, or nothing.
func (s *subscriptions) take(buf []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		sub := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		sub.queued = false
		switch {
		case sub.gone:
		case sub.has:
			sub.has = false
			sub.ready() // if it has ended, too
			return appendEvent(buf, sub.id, sub.event)
		default:
			sub.gone = true
			delete(s.byID, sub.id)
			return appendEnd(buf, sub.id, sub.end)
		}
	}
	return buf
}

// finish ends all of them and waits until the peer has been told why, or cannot
// be. An empty reason is not told.
func (s *subscriptions) finish(reason string) {
	var all []*subscription
	s.mu.Lock()
	s.closed = true
	for _, sub := range s.byID {
		all = append(all, sub)
	}
	s.mu.Unlock()
	for _, sub := range all {
		if reason == "" {
			s.remove(sub.id)
			continue
		}
		sub.stop() // set: no request is in hand any more
		sub.Ended(reason)
	}
	s.wg.Wait()
}
