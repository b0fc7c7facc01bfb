package roles

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/roles/client"
)

// A pollFeed tells long polls of accounts, by one subscription for each account
// however many polls are held for it. The subscription outlives the last of them
// for a while: a wallet asks again as soon as it has been answered.
type pollFeed struct {
	// Fixed.
	c    *client.Client
	now  func() time.Time // by the network's clock
	log  *slog.Logger
	ctx  context.Context // of the subscriptions
	stop context.CancelFunc
	wg   sync.WaitGroup // of the subscriptions

	ended  seldom // subscriptions, by themselves
	untrue seldom // events, by their times

	shares atomic.Pointer[rpc.Shares] // of polls, that hold now

	mu     sync.Mutex
	most   int                // guarded by mu; accounts
	topics map[string]*polled // guarded by mu; by account
	closed bool               // guarded by mu
}

var _ rpc.Feed = (*pollFeed)(nil)

// A polled account.
type polled struct {
	// Fixed.
	account string
	stop    context.CancelFunc
	stands  chan struct{} // closed when the subscription does, or never will

	// Guarded by pollFeed.mu.
	users    int                     // polls that are held, or are about to be
	since    time.Time               // since when there are none
	grace    *time.Timer             // ends the subscription then
	watchers map[*pollWatch]struct{} // may be told
	event    rpc.Event               // the newest
	known    bool                    // event is
	peer     string                  // whose node told of it
	fault    *rpc.Response           // why there is no subscription
}

// A pollWatch is told apart from others by its address.
type pollWatch struct{ w rpc.Watcher }

const (
	pollGrace = 30 * time.Second // for which an account is watched that nobody asks for
	pollAgain = 10 * time.Second // after which there may be room again
	// pollsShare is the part of all polls that one address may have.
	pollsShare = 4
)

func newPollFeed(c *client.Client, most int, log *slog.Logger) *pollFeed {
	ctx, stop := context.WithCancel(context.Background())
	f := &pollFeed{c: c, now: c.Now, log: log.With("part", "polls"), ctx: ctx, stop: stop, topics: make(map[string]*polled)}
	f.hold(most)
	return f
}

// hold lets polls watch so many accounts from now on. Those that are watched stay,
// until nobody asks for them.
func (f *pollFeed) hold(most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most = most
	f.shares.Store(rpc.NewShares(int64(max(1, 2*most/pollsShare))))
}

// accounts is how many are watched, and how many may be.
func (f *pollFeed) accounts() (watched, most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.topics), f.most
}

// run waits for the end of ctx; then polls are answered, and subscriptions end.
func (f *pollFeed) run(ctx context.Context) error {
	<-ctx.Done()
	f.mu.Lock()
	f.closed = true
	for _, t := range f.topics {
		f.drop(t, rpc.EndShutdown)
	}
	f.mu.Unlock()
	f.stop()
	f.wg.Wait()
	return nil
}

// Watch implements [rpc.Feed]. It waits, no longer than ctx, until a node tells
// of the account. Of a state that was not told before, a watcher is told soon.
func (f *pollFeed) Watch(ctx context.Context, account string, _ int64, w rpc.Watcher) (from int64, stop func(), fault *rpc.Response) {
	if err := rpc.CheckAccount(account); err != nil {
		return 0, nil, new(rpc.Fault(rpc.BadRequest, err.Error()))
	}
	place, shares := rpc.CallerOf(ctx), f.shares.Load()
	if !shares.Take(place, 1) {
		return 0, nil, new(rpc.FaultAfter("too many polls of one address at once", pollAgain).By(rpc.LimitPollsOfOne))
	}
	t, fault := f.join(account)
	if fault != nil {
		shares.Give(place, 1)
		return 0, nil, fault
	}
	x := &pollWatch{w}
	stop = func() {
		f.leave(t, x)
		shares.Give(place, 1)
	}
	select {
	case <-t.stands:
		fault = f.admit(t, x)
	case <-ctx.Done():
		fault = new(rpc.FaultAt(rpc.Timeout, "node", "no node has agreed in time to tell of the account"))
	}
	if fault != nil {
		stop()
		return 0, nil, fault
	}
	return 0, stop, nil
}

// join returns the topic of an account with one user more, and subscribes if it
// is new.
func (f *pollFeed) join(account string) (*polled, *rpc.Response) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, new(goingAway())
	}
	if t := f.topics[account]; t != nil {
		if t.grace != nil {
			t.grace.Stop()
			t.grace = nil
		}
		t.users++
		return t, nil
	}
	if len(f.topics) >= f.most && !f.makeRoom() {
		return nil, new(rpc.FaultAfter("the gateway watches all the accounts that it may watch", pollAgain).By(rpc.LimitAccounts))
	}
	ctx, stop := context.WithCancel(f.ctx)
	t := &polled{account: account, stop: stop, stands: make(chan struct{}), users: 1, watchers: make(map[*pollWatch]struct{})}
	f.topics[account] = t
	f.wg.Go(func() { f.follow(ctx, t) })
	return t, nil
}

func goingAway() rpc.Response { return rpc.Fault(rpc.Unavailable, "the gateway is going away") }

// makeRoom gives up the account that nobody has asked for for longest. The caller
// holds mu.
func (f *pollFeed) makeRoom() bool {
	var oldest *polled
	for _, t := range f.topics {
		if t.users == 0 && (oldest == nil || t.since.Before(oldest.since)) {
			oldest = t
		}
	}
	if oldest == nil {
		return false
	}
	f.drop(oldest, "")
	return true
}

// admit lets x be told from now on, and of the newest state that is known.
func (f *pollFeed) admit(t *polled, x *pollWatch) *rpc.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.fault != nil {
		return t.fault
	}
	if f.topics[t.account] != t {
		return new(goingAway())
	}
	t.watchers[x] = struct{}{}
	if t.known {
		x.w.Changed(t.event)
	}
	return nil
}

// leave ends a use of t, and its subscription a while after the last.
func (f *pollFeed) leave(t *polled, x *pollWatch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(t.watchers, x)
	if t.users--; t.users > 0 || f.topics[t.account] != t {
		return
	}
	t.since = time.Now()
	var grace *time.Timer
	grace = time.AfterFunc(pollGrace, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if t.grace == grace { // nobody has come meanwhile
			f.drop(t, "")
		}
	})
	t.grace = grace
}

// drop gives t up; who is still there is told why. The caller holds mu.
func (f *pollFeed) drop(t *polled, reason string) {
	if t.grace != nil {
		t.grace.Stop()
		t.grace = nil
	}
	if f.topics[t.account] == t {
		delete(f.topics, t.account)
	}
	t.stop()
	for x := range t.watchers {
		x.w.Ended(reason)
	}
	clear(t.watchers)
}

// follow tells of an account until ctx ends or no node tells of it any more.
func (f *pollFeed) follow(ctx context.Context, t *polled) {
	sub, err := f.c.Subscribe(ctx, t.account, 0)
	if err != nil {
		f.fail(t, err)
		return
	}
	defer sub.Close()
	close(t.stands)
	for {
		e, err := sub.Next(ctx)
		if err != nil {
			f.lose(ctx, t, err)
			return
		}
		f.changed(t, e)
	}
}

// lose ends what waits for news of an account that no node will tell any more, or
// nobody wants: then ctx has ended.
func (f *pollFeed) lose(ctx context.Context, t *polled, err error) {
	if ctx.Err() == nil {
		if n, ok := f.ended.due(time.Now()); ok {
			f.log.Warn("an account is watched no more", "times", n, "account", t.account, "err", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(t, rpc.EndUnavailable)
}

// fail answers those who wait for a subscription that cannot be had.
func (f *pollFeed) fail(t *polled, err error) {
	f.log.Debug("no subscription", "account", t.account, "err", err)
	f.mu.Lock()
	defer f.mu.Unlock()
	t.fault = new(notTold(err))
	f.drop(t, rpc.EndUnavailable)
	close(t.stands)
}

// notTold says why no node tells of an account.
func notTold(err error) rpc.Response {
	if fault, ok := errors.AsType[*rpc.FaultError](err); ok && fault.Status == http.StatusTooManyRequests {
		return rpc.FaultAfter("no node tells of the account: "+fault.Text, max(askerRetry, fault.RetryAfter)).By(rpc.LimitElsewhere)
	}
	return rpc.FaultAt(rpc.Unavailable, client.Hop(err), "no node tells of the account: "+oneLine(err))
}

// pollAhead is how far ahead of the clock a chat's time may be that is believed:
// nodes take no transaction of a later one.
const pollAhead = 10 * time.Second

// changed tells of e, unless it is of an earlier chat than the same node has told
// of, or of one that is yet to come. What one node has told of does not stand
// against another: it may have been made up.
func (f *pollFeed) changed(t *polled, e client.Event) {
	if e.ChatTimestamp > f.now().Add(pollAhead).UnixMilli() {
		if n, ok := f.untrue.due(time.Now()); ok {
			f.log.Warn("a node tells of a chat that is yet to come: its clock, or this machine's, is wrong", "times", n, "peer", e.Peer, "account", t.account)
		}
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.known && t.peer == e.Peer && e.ChatTimestamp < t.event.ChatTimestamp {
		return
	}
	t.event = rpc.Event{Account: e.Account, Timestamp: e.Timestamp, ChatTimestamp: e.ChatTimestamp, Seq: e.Seq}
	t.known, t.peer = true, e.Peer
	for x := range t.watchers {
		x.w.Changed(t.event)
	}
}
