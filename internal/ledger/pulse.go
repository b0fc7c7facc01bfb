package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrStalled is wrapped by errors about a disk that does not answer: nothing new
// is taken, and it may end as soon as the disk goes on.
var ErrStalled = errors.New("the disk does not answer")

// An Undecided error says that nobody knows yet what becomes of a transaction:
// whoever offered it waits no longer, and the disk may still take it.
type Undecided struct {
	TxID  string
	cause error
}

func (e *Undecided) Error() string {
	return fmt.Sprintf("undecided: ask for the receipt of %s: %v", e.TxID, e.cause)
}

func (e *Undecided) Unwrap() error { return e.cause }

// A pulse watches how long the batch in hand takes: a disk may hang without an
// error, and then nobody would say so.
type pulse struct {
	limit time.Duration // fixed
	log   *slog.Logger  // fixed

	mu      sync.Mutex
	batch   int           // guarded by mu; number of the newest one
	stalled bool          // guarded by mu
	changed chan struct{} // guarded by mu; closed when stalled changes
	hangs   chan struct{} // guarded by mu; closed while stalled
}

func newPulse(limit time.Duration, log *slog.Logger) *pulse {
	return &pulse{limit: limit, log: log, changed: make(chan struct{}), hangs: make(chan struct{})}
}

// begin begins a batch; the one goroutine that does calls end before the next.
func (p *pulse) begin() (end func()) {
	p.mu.Lock()
	p.batch++
	this := p.batch
	p.mu.Unlock()
	late := time.AfterFunc(p.limit, func() { p.tell(this, true) })
	return func() {
		late.Stop()
		p.mu.Lock()
		p.batch++ // so that it cannot be told of as late any more
		this := p.batch
		p.mu.Unlock()
		p.tell(this, false)
	}
}

// tell enters how the newest batch does; of others nobody wants to know.
func (p *pulse) tell(batch int, stalled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if batch != p.batch || stalled == p.stalled {
		return
	}
	p.stalled = stalled
	close(p.changed)
	p.changed = make(chan struct{})
	if stalled {
		close(p.hangs)
		p.log.Error("the disk does not answer, no transactions are taken until it does", "for", p.limit)
	} else {
		p.hangs = make(chan struct{})
		p.log.Info("the disk answers again")
	}
}

// state returns whether the disk has stalled, and what is closed when that changes.
func (p *pulse) state() (stalled bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stalled, p.changed
}

// late returns what is closed once the disk has stalled.
func (p *pulse) late() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hangs
}

func (p *pulse) await(ctx context.Context, stalled bool) error {
	for {
		now, changed := p.state()
		if now == stalled {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Healthy returns why the ledger takes no transactions now: an error that wraps
// [ErrStorage] or [ErrStalled].
func (l *Ledger) Healthy() error {
	if err := l.store.failure(); err != nil {
		return err
	}
	if stalled, _ := l.pulse.state(); stalled {
		return fmt.Errorf("ledger: %s: %w", l.store.dir, ErrStalled)
	}
	return nil
}

// Await waits until the disk answers (well) or has not for Config.StallAfter.
// An error is the cause of ctx's end.
func (l *Ledger) Await(ctx context.Context, well bool) error { return l.pulse.await(ctx, !well) }
