package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// LimitsConfig says how much the peers of a node may ask of it. Use
// [DefaultLimitsConfig].
type LimitsConfig struct {
	// PerSecond and AtOnce bound the requests of one stream: so many at once,
	// and then so many a second. What comes faster is delayed.
	PerSecond float64
	AtOnce    int
	// TotalPerSecond bounds those of all streams together; as many may come at once.
	TotalPerSecond float64
	// MaxDelay is how long a request is delayed; one that would have to wait
	// longer is refused.
	MaxDelay time.Duration
	// MaxBytes bounds the messages in hand of all streams.
	MaxBytes int64
	// EventsPerSecond and TotalEvents bound the events of subscriptions, of one
	// stream and of all; as many may come at once. What is more waits, and is sent
	// in its latest state.
	EventsPerSecond, TotalEvents float64
}

// DefaultLimitsConfig returns the limits documented in docs/protocol.md.
func DefaultLimitsConfig() LimitsConfig {
	return LimitsConfig{
		PerSecond: 2000, AtOnce: 4000, TotalPerSecond: 20_000, MaxDelay: 2 * time.Second, MaxBytes: 64 << 20,
		EventsPerSecond: 500, TotalEvents: 20_000,
	}
}

// Validate reports every bad setting.
func (c LimitsConfig) Validate() error {
	var errs []error
	for _, n := range []struct {
		name   string
		v, min float64
	}{
		{"requests per second", c.PerSecond, 0.001},
		{"requests at once", float64(c.AtOnce), 1},
		{"requests per second in all", c.TotalPerSecond, 1},
		{"bytes in hand", float64(c.MaxBytes), 1 << 20},
		{"longest delay in seconds", c.MaxDelay.Seconds(), 0.001},
		{"events per second", c.EventsPerSecond, 0.001},
		{"events per second in all", c.TotalEvents, 1},
	} {
		if !(n.v >= n.min) {
			errs = append(errs, fmt.Errorf("%s: %v is under %v", n.name, n.v, n.min))
		}
	}
	return errors.Join(errs...)
}

// Limits are what the streams of a node share. Use [NewLimits].
type Limits struct {
	now atomic.Pointer[limits] // those that hold

	held atomic.Int64 // of bytes

	requests, delayed, refusedRate, refusedTotal, refusedBytes, tooLarge, malformed atomic.Uint64
}

// NewLimits checks cfg.
func NewLimits(cfg LimitsConfig) (*Limits, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}
	l := new(Limits)
	l.now.Store(&limits{
		cfg:    cfg,
		total:  rate.NewLimiter(rate.Limit(cfg.TotalPerSecond), max(1, int(cfg.TotalPerSecond))),
		events: rate.NewLimiter(rate.Limit(cfg.TotalEvents), max(1, int(cfg.TotalEvents))),
		bytes:  semaphore.NewWeighted(cfg.MaxBytes),
	})
	return l, nil
}

// limits are what hold until others do. They do not change.
type limits struct {
	cfg    LimitsConfig
	total  *rate.Limiter
	events *rate.Limiter
	bytes  *semaphore.Weighted
}

// Prepare checks other limits and returns what makes them hold, for the streams
// that there are, too: that cannot fail. What is in hand then counts under the
// limit of bytes that it came in by.
func (l *Limits) Prepare(cfg LimitsConfig) (apply func(), err error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}
	return func() {
		next := *l.now.Load()
		if cfg.MaxBytes != next.cfg.MaxBytes {
			next.bytes = semaphore.NewWeighted(cfg.MaxBytes)
		}
		next.cfg = cfg
		reset(next.total, cfg.TotalPerSecond, max(1, int(cfg.TotalPerSecond)))
		reset(next.events, cfg.TotalEvents, max(1, int(cfg.TotalEvents)))
		l.now.Store(&next)
	}, nil
}

func reset(l *rate.Limiter, perSecond float64, burst int) {
	l.SetLimit(rate.Limit(perSecond))
	l.SetBurst(burst)
}

// LimitStats count what came over all streams.
type LimitStats struct {
	Requests     uint64 // messages of any kind
	Delayed      uint64 // to keep a pace
	RefusedRate  uint64 // faster than a stream may ask
	RefusedTotal uint64 // faster than all streams together may ask
	RefusedBytes uint64 // too much was in hand
	TooLarge     uint64 // dropped for their size
	Malformed    uint64 // that are no requests

	Held, MaxHeld int64 // bytes of what is in hand, and how many there may be
}

// Stats returns the counts of this moment.
func (l *Limits) Stats() LimitStats {
	return LimitStats{
		Requests: l.requests.Load(), Delayed: l.delayed.Load(), RefusedRate: l.refusedRate.Load(), RefusedTotal: l.refusedTotal.Load(),
		RefusedBytes: l.refusedBytes.Load(), TooLarge: l.tooLarge.Load(), Malformed: l.malformed.Load(),
		Held: l.held.Load(), MaxHeld: l.now.Load().cfg.MaxBytes,
	}
}

// A meter charges the requests of one stream.
type meter struct {
	limits *Limits       // nil: nothing is limited
	own    *rate.Limiter // nil: the pace of this stream is not limited, nor does it count for all
	seen   *limits       // whose pace own has; owned by who calls pace
}

func newMeter(l *Limits, exempt bool) meter {
	if l == nil || exempt {
		return meter{limits: l}
	}
	now := l.now.Load()
	return meter{limits: l, own: rate.NewLimiter(rate.Limit(now.cfg.PerSecond), now.cfg.AtOnce), seen: now}
}

// pace returns for how long a request is to be delayed, or the fault that
// refuses it. What is refused is not charged. One goroutine calls it.
func (m *meter) pace(now time.Time) (time.Duration, *Response) {
	if m.limits == nil {
		return 0, nil
	}
	m.limits.requests.Add(1)
	if m.own == nil {
		return 0, nil
	}
	limits := m.limits.now.Load()
	if limits != m.seen {
		reset(m.own, limits.cfg.PerSecond, limits.cfg.AtOnce)
		m.seen = limits
	}
	own := m.own.ReserveN(now, 1)
	delay := own.DelayFrom(now)
	if delay > limits.cfg.MaxDelay {
		own.CancelAt(now)
		m.limits.refusedRate.Add(1)
		return 0, new(FaultAfter("too many requests a second on this connection", delay).By(LimitRate))
	}
	total := limits.total.ReserveN(now, 1)
	all := total.DelayFrom(now)
	if all > limits.cfg.MaxDelay {
		total.CancelAt(now)
		own.CancelAt(now)
		m.limits.refusedTotal.Add(1)
		return 0, new(FaultAfter("the node has too many requests a second", all).By(LimitTotalRate))
	}
	if delay = max(delay, all); delay > 0 {
		m.limits.delayed.Add(1)
	}
	return delay, nil
}

// leastWeight is what a message in hand takes of memory, however short it is.
const leastWeight = 1 << 10

// A holding is what a message in hand weighs, and where that counts.
type holding struct {
	weight int64
	of     *semaphore.Weighted
}

// hold takes the place of a message of n bytes among those in hand, for
// [meter.release]. It waits for room as long as a request may be delayed; then
// there is a fault.
func (m *meter) hold(ctx context.Context, n int) (h holding, busy *Response) {
	if m.limits == nil {
		return holding{}, nil
	}
	limits := m.limits.now.Load()
	h = holding{min(max(int64(n), leastWeight), limits.cfg.MaxBytes), limits.bytes}
	if !h.of.TryAcquire(h.weight) {
		ctx, cancel := context.WithTimeout(ctx, limits.cfg.MaxDelay)
		defer cancel()
		if h.of.Acquire(ctx, h.weight) != nil {
			m.limits.refusedBytes.Add(1)
			return holding{}, new(FaultAfter("the node has too many requests in hand", limits.cfg.MaxDelay).By(LimitBytes))
		}
	}
	m.limits.held.Add(h.weight)
	return h, nil
}

func (m *meter) release(h holding) {
	if h.weight > 0 {
		m.limits.held.Add(-h.weight)
		h.of.Release(h.weight)
	}
}

// note counts what was wrong with a message.
func (m *meter) note(tooLarge bool) {
	switch {
	case m.limits == nil:
	case tooLarge:
		m.limits.tooLarge.Add(1)
	default:
		m.limits.malformed.Add(1)
	}
}
