package client

import (
	"context"
	"errors"
	"sync"

	"github.com/liberdus/liberdus/internal/rpc"
)

// FromNow asks a subscription for nothing that has happened already.
const FromNow = rpc.FromNow

// An Event says that an account is in another state.
type Event struct {
	Account string `json:"account"`
	// Timestamp is the account's own, and ChatTimestamp, of a user alone, that of
	// its newest incoming chat: milliseconds of the Unix epoch.
	Timestamp     int64 `json:"timestamp"`
	ChatTimestamp int64 `json:"chatTimestamp"`
	// Seq tells states of the account apart, and grows as long as one node tells
	// of them.
	Seq  int64  `json:"seq"`
	Peer string `json:"peer"` // who told it
}

// A Subscription tells of the changes of one account. It keeps one event, the
// newest: a caller that is slow misses states in between, never the last.
type Subscription struct {
	// Fixed.
	stop context.CancelFunc
	done chan struct{} // closed when nothing more comes
	wake chan struct{} // gets a token when there is something for Next

	mu    sync.Mutex
	has   bool  // guarded by mu; event is for Next
	event Event // guarded by mu
	err   error // guarded by mu; why nothing more comes
}

// errUnsubscribed is the error of Next after Close.
var errUnsubscribed = errors.New("the subscription was closed")

// Subscribe tells of the changes of an account until it is closed: with since, a
// Seq or a time in milliseconds of the Unix epoch, at once if the account may
// have changed after that; with [FromNow] from now on. A session that is lost is
// replaced, and what was missed is told; so what is told may come twice. The
// account need not exist yet. Subscribe returns when the first node has agreed.
func (c *Client) Subscribe(ctx context.Context, account string, since int64) (*Subscription, error) {
	if err := rpc.CheckAccount(account); err != nil {
		return nil, &UsageError{err}
	}
	run, stop := context.WithCancel(c.pool.ctx)
	s := &Subscription{stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	stands := make(chan struct{})
	f := &follower{
		p: c.pool, account: account, since: max(FromNow, since), timeout: c.cfg.Timeout,
		told: func(e rpc.Event, peer string) error {
			s.tell(Event{e.Account, e.Timestamp, e.ChatTimestamp, e.Seq, peer})
			return nil
		},
		begun: func(peer string) {
			c.log.Debug("watching", "account", account, "peer", peer)
			close(stands)
		},
	}
	if !c.pool.begin(func() { s.end(f.run(run)) }) {
		stop()
		return nil, errClosed
	}
	select {
	case <-stands:
		return s, nil
	case <-s.done:
		stop()
		return nil, s.err
	case <-ctx.Done():
		s.Close()
		return nil, context.Cause(ctx)
	}
}

func (s *Subscription) tell(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.event, s.has = e, true
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Subscription) end(err error) {
	if err == nil {
		err = errUnsubscribed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	close(s.done)
}

// Next waits for the next event. It fails when ctx ends, after Close, and where
// no node will ever tell of the account.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok := s.take(); ok {
			return e, nil
		}
		select {
		case <-s.wake:
		case <-s.done:
			if e, ok := s.take(); ok {
				return e, nil
			}
			return Event{}, s.err
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

func (s *Subscription) take() (e Event, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok, s.has = s.has, false
	return s.event, ok
}

// Close ends the subscription and waits until it has.
func (s *Subscription) Close() {
	s.stop()
	<-s.done
}
