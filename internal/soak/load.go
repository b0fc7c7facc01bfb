package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// A load is all who come and go.
type load struct {
	n        *network
	archiver string         // URL#KEY
	data     string         // where clients keep what they learn
	keeper   *client.Client // stays all the time, and pays
	wallet   atomic.Pointer[wallet]

	mu     sync.Mutex
	kinds  map[string]*tally // guarded by mu
	faults []string          // guarded by mu; the first of honest clients
}

// A tally is of one kind of client.
type tally struct{ done, failed int64 }

const maxFaults = 20 // that are told

// A kind of client: so many at once each do one thing and then rest, for as
// long as chance says but at most rest.
type kind struct {
	name  string
	count int
	rest  time.Duration
	rude  bool // what it does may fail, and mostly should
	do    func(ctx context.Context) error
}

func (l *load) all() []kind {
	return []kind{
		{name: "sockets", count: 24, rest: time.Second, do: l.socket},
		{name: "sessions", count: 5, rest: time.Second, do: l.session},
		{name: "watchers", count: 4, rest: time.Second, do: l.watch},
		{name: "injects", count: 2, rest: 500 * time.Millisecond, do: l.inject},
		{name: "HTTP reads", count: 2, rest: 400 * time.Millisecond, do: l.read},
		{name: "polls", count: 4, rest: time.Second, do: l.poll},
		{name: "junk on sockets", count: 2, rest: time.Second, rude: true, do: l.junkSocket},
		{name: "junk over TCP", count: 2, rest: time.Second, rude: true, do: l.junkTCP},
		{name: "junk over UDP", count: 1, rest: time.Second, rude: true, do: l.junkUDP},
		{name: "offers that lead nowhere", count: 2, rest: 2 * time.Second, rude: true, do: l.junkOffer},
	}
}

// newLoad makes the client that stays and its account.
func newLoad(ctx context.Context, n *network, data string) (*load, error) {
	l := &load{n: n, archiver: n.archiver().url() + "#" + n.archiver().key, data: data, kinds: map[string]*tally{}}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	var err error
	if l.keeper, err = client.Dial(ctx, l.settings(3)); err != nil {
		return nil, fmt.Errorf("the client that stays: %w", err)
	}
	if err := l.register(ctx); err != nil {
		l.keeper.Close()
		return nil, fmt.Errorf("the client that stays: %w", err)
	}
	return l, nil
}

func (l *load) settings(sessions int) client.Config {
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data, cfg.Sessions = []string{l.archiver}, l.data, sessions
	return cfg
}

// run has all come and go until ctx ends.
func (l *load) run(ctx context.Context) {
	defer l.keeper.Close()
	var wg sync.WaitGroup
	for _, k := range l.all() {
		l.mu.Lock()
		l.kinds[k.name] = &tally{}
		l.mu.Unlock()
		for range k.count {
			wg.Go(func() {
				for ctx.Err() == nil {
					err := k.do(ctx)
					if ctx.Err() != nil {
						return
					}
					l.note(k, err)
					rest(ctx, rand.N(k.rest))
				}
			})
		}
	}
	wg.Wait()
}

func (l *load) note(k kind, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.kinds[k.name]
	t.done++
	if err == nil || k.rude {
		return
	}
	t.failed++
	if len(l.faults) < maxFaults {
		l.faults = append(l.faults, fmt.Sprintf("%s %s: %v", time.Now().Format(time.TimeOnly), k.name, err))
	}
}

func (l *load) done() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.kinds {
		n += t.done
	}
	return n
}

// verdict says what honest clients met.
func (l *load) verdict() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed int64
	for _, t := range l.kinds {
		failed += t.failed
	}
	if failed == 0 {
		return nil
	}
	return errors.New(fmt.Sprint(failed, " things that honest clients did failed, such as\n  ") + strings.Join(l.faults, "\n  "))
}

// summary says who did how much.
func (l *load) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(l.kinds)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, l.kinds[name].done))
	}
	return strings.Join(parts, ", ")
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
