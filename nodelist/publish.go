package nodelist

import (
	"context"
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
// every 30 s, and drops nodes whose sockets are dead. It may be called once. It
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
			l.diary.sum(time.Now(), false)
		case <-refresh.C:
			l.wake()
		case <-kick:
			kick = nil
			gap.Reset(l.publishOrRetry())
		}
	}
}

// publishOrRetry returns when it may be called again.
func (l *List) publishOrRetry() time.Duration {
	begun := time.Now()
	if err := l.publish(); err != nil {
		l.log.Error("list not published", "err", err)
		l.wake()
		return publishRetry
	}
	return min(max(publishGap, publishShare*time.Since(begun)), publishRetry)
}

// publish signs the lists as they are now. A new epoch is on disk before
// anybody sees it.
func (l *List) publish() error {
	l.mu.Lock()
	version, networkID := l.roster.version, l.roster.networkID
	active, syncing := l.roster.lists()
	l.mu.Unlock()
	if version != l.version || networkID != l.state.NetworkID {
		next := state{Epoch: l.state.Epoch + 1, NetworkID: networkID}
		if err := next.save(l.cfg.StateFile); err != nil {
			return err
		}
		l.state, l.version = next, version
	}
	docs, err := l.sign(active, syncing, time.Now())
	if err != nil {
		return err
	}
	l.docs.Store(docs)
	return nil
}
