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
	// Fixed.
	cfg    LimitsConfig
	total  *rate.Limiter
	events *rate.Limiter
	bytes  *semaphore.Weighted

	held atomic.Int64 // of bytes

	requests, delayed, refusedRate, refusedTotal, refusedBytes, tooLarge, malformed atomic.Uint64
}

// NewLimits checks cfg.
func NewLimits(cfg LimitsConfig) (*Limits, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}
	return &Limits{
		cfg:    cfg,
		total:  rate.NewLimiter(rate.Limit(cfg.TotalPerSecond), max(1, int(cfg.TotalPerSecond))),
		events: rate.NewLimiter(rate.Limit(cfg.TotalEvents), max(1, int(cfg.TotalEvents))),
		bytes:  semaphore.NewWeighted(cfg.MaxBytes),
	}, nil
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
		Held: l.held.Load(), MaxHeld: l.cfg.MaxBytes,
	}
}

// A meter charges the requests of one stream.
type meter struct {
	limits *Limits       // nil: nothing is limited
	own    *rate.Limiter // nil: the pace of this stream is not limited, nor does it count for all
}

func newMeter(l *Limits, exempt bool) meter {
	if l == nil || exempt {
		return meter{limits: l}
	}
	return meter{limits: l, own: rate.NewLimiter(rate.Limit(l.cfg.PerSecond), l.cfg.AtOnce)}
}

// pace returns for how long a request is to be delayed, or the fault that
// refuses it. What is refused is not charged.
func (m meter) pace(now time.Time) (time.Duration, *Response) {
	if m.limits == nil {
		return 0, nil
	}
	m.limits.requests.Add(1)
	if m.own == nil {
		return 0, nil
	}
	own := m.own.ReserveN(now, 1)
	delay := own.DelayFrom(now)
	if delay > m.limits.cfg.MaxDelay {
		own.CancelAt(now)
		m.limits.refusedRate.Add(1)
		return 0, new(FaultAfter("too many requests a second on this connection", delay))
	}
	total := m.limits.total.ReserveN(now, 1)
	all := total.DelayFrom(now)
	if all > m.limits.cfg.MaxDelay {
		total.CancelAt(now)
		own.CancelAt(now)
		m.limits.refusedTotal.Add(1)
		return 0, new(FaultAfter("the node has too many requests a second", all))
	}
	if delay = max(delay, all); delay > 0 {
		m.limits.delayed.Add(1)
	}
	return delay, nil
}

// leastWeight is what a message in hand takes of memory, however short it is.
const leastWeight = 1 << 10

// hold takes the place of a message of n bytes among those in hand, and
// returns what it weighs, for [meter.release]. It waits for room as long as a
// request may be delayed; then there is a fault.
func (m meter) hold(ctx context.Context, n int) (weight int64, busy *Response) {
	if m.limits == nil {
		return 0, nil
	}
	weight = min(max(int64(n), leastWeight), m.limits.cfg.MaxBytes)
	if m.limits.bytes.TryAcquire(weight) {
		m.limits.held.Add(weight)
		return weight, nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.limits.cfg.MaxDelay)
	defer cancel()
	if m.limits.bytes.Acquire(ctx, weight) != nil {
		m.limits.refusedBytes.Add(1)
		return 0, new(FaultAfter("the node has too many requests in hand", m.limits.cfg.MaxDelay))
	}
	m.limits.held.Add(weight)
	return weight, nil
}

func (m meter) release(weight int64) {
	if weight > 0 {
		m.limits.held.Add(-weight)
		m.limits.bytes.Release(weight)
	}
}

// note counts what was wrong with a message.
func (m meter) note(tooLarge bool) {
	switch {
	case m.limits == nil:
	case tooLarge:
		m.limits.tooLarge.Add(1)
	default:
		m.limits.malformed.Add(1)
	}
}
