package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// A FaultError is a node's refusal: the status of its reply and what the body says.
type FaultError struct {
	Status     int
	Code       Code          // empty where it says none
	Text       string        // for people
	RetryAfter time.Duration // 0 where it says nothing
}

func (e *FaultError) Error() string { return fmt.Sprintf("the node answers %d: %s", e.Status, e.Text) }

// An EndError says why the node has ended a subscription.
type EndError struct{ Reason string }

func (e *EndError) Error() string { return "the node has ended the subscription: " + e.Reason }

// errUnsubscribed is the error of Next after Close.
var errUnsubscribed = errors.New("the subscription was closed")

// A Subscription tells of the changes of one account. It keeps one event, the
// newest: a caller that is slow misses states in between, never the last.
type Subscription struct {
	// Fixed once it has begun.
	c       *Client
	id      string // the node's
	account string
	wake    chan struct{} // gets a token when there is something for Next

	mu    sync.Mutex
	since int64 // guarded by mu
	has   bool  // guarded by mu; event is for Next
	event Event // guarded by mu
	seen  int64 // guarded by mu; Seq of the newest event
	err   error // guarded by mu; why nothing more comes
}

// Subscribe asks the node to tell of the changes of an account: with since, a
// Seq or a time in milliseconds of the Unix epoch, at once if it may have changed
// after that; with [FromNow] from now on. The account need not exist. Close it,
// or end the stream. A refusal is a [FaultError].
func (c *Client) Subscribe(ctx context.Context, account string, since int64) (*Subscription, error) {
	want := map[string]any{"account": account}
	if since >= 0 {
		want["since"] = since
	}
	body, err := marshal(want)
	if err != nil {
		return nil, err
	}
	sub := &Subscription{c: c, account: account, since: since, wake: make(chan struct{}, 1)}
	r, err := c.do(ctx, Request{URL: "subscribe", Method: http.MethodPost, Body: body}, func(r Reply) { c.subscribed(sub, r) })
	if err != nil {
		c.abandonSubscription(sub)
		return nil, err
	}
	if r.Status >= 400 {
		return nil, faultOf(r)
	}
	if sub.id == "" {
		return nil, errors.New("the node's reply is no subscription")
	}
	return sub, nil
}

// subscribed registers s as its reply comes in: the next message may be its
// first event.
func (c *Client) subscribed(s *Subscription, r Reply) {
	var body struct {
		Subscription string
		Since        float64
	}
	if r.Status >= 400 || json.Unmarshal(r.Body, &body) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err != nil || body.Subscription == "" {
		return
	}
	if s.id = body.Subscription; s.since < 0 {
		s.since = int64(min(max(body.Since, 0), maxSince))
	}
	if c.subs == nil {
		c.subs = make(map[string]*Subscription)
	}
	c.subs[s.id] = s
}

// abandonSubscription forgets s, whose reply may be coming in just now. The node
// gives it up itself, unless its reply was on the way when the time was up.
func (c *Client) abandonSubscription(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.err = errUnsubscribed
	if c.subs[s.id] == s {
		delete(c.subs, s.id)
	}
}

// faultOf reads {"error","code","retryAfter"?}.
func faultOf(r Reply) *FaultError {
	var body struct {
		Error      string
		Code       Code
		RetryAfter float64
	}
	if json.Unmarshal(r.Body, &body) != nil || body.Error == "" {
		body.Error = fmt.Sprintf("%.200s", r.Body)
	}
	return &FaultError{r.Status, body.Code, body.Error, time.Duration(min(max(body.RetryAfter, 0), 60_000)) * time.Millisecond}
}

// Account is the one that was subscribed to.
func (s *Subscription) Account() string { return s.account }

// Since is with what to subscribe again, here or on another node, so that what
// follows the latest event that Next returned is not missed.
func (s *Subscription) Since() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

// Next waits for the next event. Its error is that of ctx, an [EndError] if the
// node has ended the subscription, [ErrClosed] if the stream has ended, or that
// of a subscription that was closed.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok, err := s.take(); ok || err != nil {
			return e, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

func (s *Subscription) take() (e Event, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.has {
		return Event{}, false, s.err
	}
	s.has, s.since = false, s.event.Seq
	return s.event, true, nil
}

// Close ends the subscription and tells the node so, for as long as ctx allows.
// It may be called again, and after the end.
func (s *Subscription) Close(ctx context.Context) error {
	if !s.c.forget(s) {
		return nil
	}
	s.finish(errUnsubscribed)
	body, err := marshal(map[string]string{"subscription": s.id})
	if err != nil {
		return err
	}
	_, err = s.c.Do(ctx, Request{URL: "unsubscribe", Method: http.MethodPost, Body: body})
	return err // a node that has ended it meanwhile says that it knows it not
}

// forget takes s off the list of those that get events.
func (c *Client) forget(s *Subscription) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[s.id] != s {
		return false
	}
	delete(c.subs, s.id)
	return true
}

// push hands an event's message to its subscription. One that nobody has is
// dropped: it was closed while the event was on its way.
func (c *Client) push(id string, body, end json.RawMessage) {
	c.mu.Lock()
	s := c.subs[id]
	if s != nil && end != nil {
		delete(c.subs, id)
	}
	c.mu.Unlock()
	switch {
	case s == nil:
	case end != nil:
		s.finish(&EndError{fmt.Sprintf("%.80s", stringOf(end))})
	default:
		if e, ok := decodeEvent(body); ok && e.Account == s.account {
			s.changed(e)
		}
	}
}

func (s *Subscription) changed(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || e.Seq <= s.seen {
		return
	}
	s.seen, s.event, s.has = e.Seq, e, true
	s.signal()
}

func (s *Subscription) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		s.signal()
	}
}

// signal wakes Next. The caller holds mu.
func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
