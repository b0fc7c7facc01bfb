package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

const (
	followWait   = 250 * time.Millisecond // before a lost subscription is renewed, at first; then ever longer,
	followSlow   = 10 * time.Second       // up to this
	followSteady = 15 * time.Second       // one that stood so long was a good one
	followClose  = time.Second            // for telling a node that its events are no longer wanted
)

// A Seq is a time in milliseconds and so many bits more; see docs/protocol.md.
// No account's time is further ahead of the clock than maxAhead.
const (
	seqBits  = 10
	maxTime  = 1<<43 - 1
	maxAhead = 10 * time.Second
)

// A follower keeps a subscription to one account over sessions that are lost,
// worn out, or ended by their node: each next one begins where the last has
// left. What its caller is told may come twice, and is never missed.
type follower struct {
	// Fixed.
	p       *pool
	account string
	timeout time.Duration // for a session and a subscription on it
	told    func(e rpc.Event, peer string) error
	begun   func(peer string) // called when the first subscription stands

	// Owned by run.
	since   int64
	stood   bool      // there has been a subscription
	attempt int       // failures in a row
	refused []*member // the latest whose nodes would not tell, though they answer
}

// run follows the account until ctx ends, which is no error, told fails, or the
// first subscription cannot be had. Later ones are tried for again and again.
func (f *follower) run(ctx context.Context) error {
	var held holding
	defer func() { held.end(ctx) }()
	for {
		next, err := f.subscribe(ctx)
		held.end(ctx) // not before the next one stands, so that nothing is missed
		held = next
		if err == nil {
			err = f.listen(ctx, held)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errMoved):
			continue
		case !f.stood || isFinal(err):
			return err
		}
		d := f.pause()
		f.p.log.Log(ctx, f.p.lossLevel(), "the subscription was lost, and is renewed", "account", f.account, "err", err, "retryIn", d.Round(time.Millisecond).String())
		held.end(ctx)
		held = holding{}
		wait(ctx, d)
	}
}

// lossEvery is the time between two warnings of subscriptions that are lost: with
// one session many may be.
const lossEvery = time.Second

// lossLevel is how loudly to tell of a subscription that is lost.
func (p *pool) lossLevel() slog.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.lossSaid) < lossEvery {
		return slog.LevelDebug
	}
	p.lossSaid = time.Now()
	return slog.LevelWarn
}

// errMoved says that the session is worn, and that its successor is there.
var errMoved = errors.New("the session was replaced")

// A tellError is that of whoever is told.
type tellError struct{ err error }

func (e *tellError) Error() string { return e.err.Error() }
func (e *tellError) Unwrap() error { return e.err }

// isFinal reports whether trying again is of no use.
func isFinal(err error) bool {
	if _, own := errors.AsType[*tellError](err); own {
		return true
	}
	fault, ok := errors.AsType[*rpc.FaultError](err)
	return ok && (fault.Status == http.StatusBadRequest || fault.Status == http.StatusNotFound)
}

func (f *follower) pause() time.Duration {
	limit := min(followWait<<min(f.attempt, 10), followSlow)
	f.attempt++
	return limit/2 + rand.N(limit/2)
}

// A holding is a subscription and the session it is on, which is not closed for
// being worn meanwhile. The zero value holds nothing.
type holding struct {
	p   *pool
	m   *member
	sub *rpc.Subscription
}

// end ends the subscription; more than once does no harm.
func (h *holding) end(ctx context.Context) {
	if h.sub == nil {
		return
	}
	if !isClosed(h.m.ended) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), followClose)
		defer cancel()
		if err := h.sub.Close(ctx); err != nil {
			h.p.log.Debug("unsubscribe", "peer", h.m.peerID, "err", err)
		}
	}
	h.p.giveBack(h.m)
	h.sub = nil
}

// subscribe opens a session, if there is none, and subscribes on it. A node that
// refuses for the moment is left for another.
func (f *follower) subscribe(ctx context.Context) (holding, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, fmt.Errorf("not subscribed within %v", f.timeout))
	defer cancel()
	m, err := f.p.take(ctx, f.refused)
	for err == nil {
		var sub *rpc.Subscription
		if sub, err = m.Subscribe(ctx, f.account, f.next(time.Now())); err == nil {
			f.begin(sub, m)
			return holding{f.p, m, sub}, nil
		}
		err = subscribeError(ctx, m.peerID, err)
		f.p.giveBack(m)
		f.leave(m, err)
		if !isRefusal(err) {
			break
		}
		next, nerr := f.p.choose(f.refused, false) // that is open already
		if next == nil || nerr != nil {
			break
		}
		m, err = next, nil
	}
	return holding{}, err
}

// next is with what to subscribe. Where a node has told of a time that is yet to
// come, nothing is known: another would see no news in its own, earlier, state.
func (f *follower) next(clock time.Time) (since int64) {
	at := f.since
	if at > maxTime {
		at >>= seqBits
	}
	if f.stood && at > clock.Add(maxAhead).UnixMilli() {
		return 0
	}
	return f.since
}

// begin notes that a subscription stands.
func (f *follower) begin(sub *rpc.Subscription, m *member) {
	f.since, f.refused = sub.Since(), nil
	if !f.stood {
		f.stood = true
		f.begun(m.peerID)
	}
}

// isRefusal reports whether a node answers that it will not tell of an account
// now: another may, and this one may do all else.
func isRefusal(err error) bool {
	fault, refused := errors.AsType[*rpc.FaultError](err)
	return refused && !isFinal(fault)
}

func subscribeError(ctx context.Context, peer string, err error) error {
	fault, refused := errors.AsType[*rpc.FaultError](err)
	switch {
	case errors.Is(err, rpc.ErrClosed):
		return &hopError{"channel", fmt.Errorf("peer %s: %w", peer, err)}
	case refused && fault.Status == http.StatusNotFound:
		return atNode("peer %s does not tell of changes: %w", peer, err)
	}
	return atNode("peer %s: %w", peer, cause(ctx, err))
}

// maxRefused is how many refusals of one account are remembered.
const maxRefused = 16

// leave has the subscription go on elsewhere after err. A session that others use
// stays: that a node does not tell of one account is no reason to take the rest
// from them.
func (f *follower) leave(m *member, err error) {
	end, ended := errors.AsType[*rpc.EndError](err)
	switch {
	case isFinal(err):
		return
	case errors.Is(err, rpc.ErrClosed), ended && end.Reason != rpc.EndUnavailable:
		f.p.forget(m)
		return
	}
	f.refused = append(f.refused, m)
	if len(f.refused) > maxRefused {
		f.refused = f.refused[1:]
	}
	f.p.forgetIdle(m)
}

// forgetIdle gives up a session that nobody uses.
func (p *pool) forgetIdle(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.users == 0 {
		m.retire()
	}
}

// listen tells of events until the subscription ends, or errMoved: the session
// is worn and has a successor.
func (f *follower) listen(ctx context.Context, h holding) error {
	until, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		defer cancel()
		h.p.awaitSuccessor(until, h.m)
	})
	defer watching.Wait()
	defer cancel()
	began := time.Now()
	for {
		e, err := h.sub.Next(until)
		if time.Since(began) > followSteady {
			f.attempt = 0
		}
		switch _, ended := errors.AsType[*rpc.EndError](err); {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case until.Err() != nil:
			return errMoved
		case ended:
			f.leave(h.m, err)
			return atNode("peer %s: %w", h.m.peerID, err)
		default:
			h.p.forget(h.m)
			return &hopError{"channel", fmt.Errorf("peer %s: %w", h.m.peerID, err)}
		}
		f.since = h.sub.Since()
		if err := f.told(e, h.m.peerID); err != nil {
			return &tellError{err}
		}
	}
}

// awaitSuccessor waits until m is worn and another session takes requests.
func (p *pool) awaitSuccessor(ctx context.Context, m *member) {
	select {
	case <-m.worn:
	case <-ctx.Done():
		return
	}
	for ctx.Err() == nil && !p.succeeded(m) {
		wait(ctx, raceLook)
	}
}

func (p *pool) succeeded(m *member) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.retired
}
