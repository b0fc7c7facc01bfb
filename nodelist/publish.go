package nodelist

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	publishGap    = 100 * time.Millisecond // at least, between two publications
	publishShare  = 4                      // and so many times as long as one took
	publishRetry  = time.Second            // after one that could not be kept on disk
	refreshEvery  = 30 * time.Second       // signs anew with a new time
	sweepInterval = 250 * time.Millisecond
)

// Run signs the lists anew when they change, at most 10 times a second, and
// every 30 s, and drops nodes whose sockets are dead. While a disk is full, or
// hangs, what was last published is signed anew. It may be called once. It
// returns nil when ctx ends.
func (l *List) Run(ctx context.Context) error {
	sweep, refresh := time.NewTicker(sweepInterval), time.NewTicker(refreshEvery)
	defer sweep.Stop()
	defer refresh.Stop()
	gap := time.NewTimer(0)
	defer gap.Stop()
	kick := (<-chan struct{})(nil) // l.kick while the gap is over
	for {
		select {
		case <-ctx.Done():
			l.diary.sum(time.Now(), true)
			return nil
		case <-gap.C:
			kick = l.kick
		case <-sweep.C:
			l.sweep()
			l.lookAtClock()
			l.diary.sum(time.Now(), false)
		case <-refresh.C:
			l.wake()
		case <-kick:
			kick = nil
			gap.Reset(l.publishOrRetry(ctx))
		}
	}
}

// clockSet is how far the clock may go astray before it counts as set.
const clockSet = 5 * time.Second

// lookAtClock has the lists be signed anew when the clock was set: clients would
// take them for old ones.
func (l *List) lookAtClock() {
	signed, now := l.docs.Load().signed, time.Now()
	if set := now.Round(0).Sub(signed.Round(0)) - now.Sub(signed); set.Abs() > clockSet { // Round leaves the wall clock alone
		l.wake()
	}
}

// publishOrRetry returns when it may be called again.
func (l *List) publishOrRetry(ctx context.Context) time.Duration {
	begun := time.Now()
	err := l.publish(ctx)
	if ctx.Err() != nil {
		return publishRetry
	}
	l.note(err, begun)
	if err != nil {
		l.wake()
		return publishRetry
	}
	return min(max(publishGap, publishShare*time.Since(begun)), publishRetry)
}

// note logs that changes are not published, now and then, and when they are again.
func (l *List) note(err error, begun time.Time) {
	since := l.behind.Load()
	switch {
	case err != nil && since == nil:
		l.behind.Store(&begun)
		fallthrough
	case err != nil && time.Since(l.told) >= refreshEvery:
		l.told = time.Now()
		l.log.Error("list not published: what was published before holds on", "err", err)
	case err == nil && since != nil:
		l.behind.Store(nil)
		l.log.Info("list published again", "after", time.Since(*since).Round(time.Millisecond))
	}
}

// publish signs the lists: as they are now, or, while that cannot be kept on
// disk, as they were, when it is time to. Its error says why they are not as they
// are.
func (l *List) publish(ctx context.Context) error {
	unkept := l.keepUp(ctx)
	if last := l.docs.Load(); unkept != nil && (last == nil || time.Since(last.signed) < refreshEvery) {
		return unkept
	}
	docs, err := l.sign(l.listed.active, l.listed.syncing, time.Now())
	if err != nil {
		return errors.Join(unkept, err)
	}
	l.docs.Store(docs)
	return unkept
}

// listed are the nodes that the roster had at its version so-and-so.
type listed struct {
	version         uint64
	active, syncing []Node
}

// keepUp takes over the roster as it is, to be published. A new epoch is on disk
// before anybody sees it.
func (l *List) keepUp(ctx context.Context) error {
	l.mu.Lock()
	now, networkID := listed{version: l.roster.version}, l.roster.networkID
	now.active, now.syncing = l.roster.lists()
	l.mu.Unlock()
	if now.version == l.listed.version && networkID == l.state.NetworkID {
		return nil
	}
	next := state{Epoch: l.state.Epoch + 1, NetworkID: networkID}
	if _, err := take(ctx, l.disk, func() (none struct{}, err error) { return none, next.save(l.cfg.StateFile) }); err != nil {
		return fmt.Errorf("keep epoch %d: %w", next.Epoch, err)
	}
	l.state, l.listed = next, now
	return nil
}
