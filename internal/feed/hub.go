// Package feed tells watchers of accounts when those change.
//
//	ledger ── ids, after the sync ──► Hub ── looks at the account ──► each watcher
//	node ◄── one look at a time ─────┘        of those that are watched
//
// However many watch an account, it is looked at once. The invariant: whoever
// watches is told of the latest state, soon after it came about, and in order; of
// states between two there may be nothing.
//
// Seq of an event is made of the account's timestamp and its text. So another
// node, or this one after a restart, gives the same state the same number, and
// can tell whether somebody who comes back has missed anything.
package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A Look returns an account's text, or what is stored of it: JSON with
// "timestamp" and, of a user, "data":{"chatTimestamp"}. It differs whenever the
// account does, and is nil if there is none.
type Look func(ctx context.Context, account string) ([]byte, error)

// Config says how much is watched, and how. Use [DefaultConfig].
type Config struct {
	// Accounts and Watchers are how many there may be; a further one is refused.
	Accounts, Watchers int
	// Pace is the time between two events of an account: the first comes at once.
	Pace time.Duration
	// Poll is the time between two looks at an account that nobody tells of; 0:
	// [Hub.Changed] does. While nothing changes it grows to MaxPoll, and while looks
	// fail to MaxRetry.
	Poll, MaxPoll, MaxRetry time.Duration
	// Looks is how many there may be at once, LooksPerSecond how many in all.
	Looks          int
	LooksPerSecond float64
	// LookTimeout is how long one may take.
	LookTimeout time.Duration
	// GiveUp is for how long looks may fail before watchers are told the end.
	GiveUp time.Duration
}

// DefaultConfig returns the limits documented in docs/protocol.md, with polling
// for a node that does not tell.
func DefaultConfig(polls bool) Config {
	c := Config{
		Accounts: 16_384, Watchers: 65_536, Pace: 100 * time.Millisecond,
		Looks: 1, LooksPerSecond: 10_000, LookTimeout: 10 * time.Second, MaxRetry: 10 * time.Second, GiveUp: 15 * time.Second,
	}
	if polls {
		c.Poll, c.MaxPoll, c.Looks, c.LooksPerSecond = time.Second, 4*time.Second, 8, 200
	}
	return c
}

// Validate reports every bad setting.
func (c Config) Validate() error {
	var errs []error
	for name, n := range map[string]int{"accounts": c.Accounts, "watchers": c.Watchers, "looks": c.Looks} {
		if n < 1 {
			errs = append(errs, fmt.Errorf("%s: %d is under 1", name, n))
		}
	}
	for name, d := range map[string]time.Duration{"pace": c.Pace, "look timeout": c.LookTimeout, "longest retry": c.MaxRetry, "give up": c.GiveUp} {
		if d < time.Millisecond {
			errs = append(errs, fmt.Errorf("%s: %v is under 1ms", name, d))
		}
	}
	if !(c.LooksPerSecond >= 1) {
		errs = append(errs, fmt.Errorf("looks a second: %v is under 1", c.LooksPerSecond))
	}
	if c.Poll != 0 && (c.Poll < 10*time.Millisecond || c.MaxPoll < c.Poll) {
		errs = append(errs, fmt.Errorf("poll: from %v to %v", c.Poll, c.MaxPoll))
	}
	return errors.Join(errs...)
}

// A Hub tells watchers of accounts. Use [New]; nobody is told before [Hub.Run].
// The methods may be called from any goroutine.
type Hub struct {
	cfg Config // Accounts and Watchers are guarded by mu, the rest is fixed

	// Fixed.
	look Look
	log  *slog.Logger
	pace *rate.Limiter
	wake chan struct{} // gets a token when a worker should look at due

	firsts *rate.Limiter // of first looks: half of the pace
	lines  *lines        // before them

	mu       sync.Mutex
	topics   map[string]*topic  // guarded by mu
	due      schedule           // guarded by mu; topics to be looked at
	watchers int                // guarded by mu
	held     map[netip.Addr]int // guarded by mu; watchers, by their addresses
	closed   bool               // guarded by mu
}

var _ rpc.Feed = (*Hub)(nil)

// New returns a hub that finds out with look how accounts stand.
func New(cfg Config, look Look, log *slog.Logger) (*Hub, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return &Hub{
		cfg: cfg, look: look, log: log.With("part", "feed"),
		pace: rate.NewLimiter(rate.Limit(cfg.LooksPerSecond), cfg.Looks),
		wake: make(chan struct{}, 1), topics: make(map[string]*topic), held: make(map[netip.Addr]int),
		firsts: rate.NewLimiter(rate.Limit(max(1, cfg.LooksPerSecond/2)), cfg.Looks),
		lines:  newLines(max(cfg.Looks, 8)),
	}, nil
}
