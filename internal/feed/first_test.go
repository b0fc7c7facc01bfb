package feed_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/feed"
	"github.com/liberdus/liberdus/internal/rpc"
)

var stranger = netip.MustParseAddr("192.0.2.1")

// However many come at once to an account that nobody watched, it is looked at once.
func TestFirstLookIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		a.takes = time.Second
		h, _ := run(t, feed.DefaultConfig(true), a.look)
		gone, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, fault := h.Watch(gone, "a", 0, &watcher{}); fault == nil || fault.Status != 504 {
				t.Errorf("Watch of somebody who goes = %v, want 504", fault)
			}
		})
		settle(100 * time.Millisecond)
		for range 400 {
			wg.Go(func() {
				_, stop, fault := h.Watch(t.Context(), "a", 0, &watcher{})
				if fault != nil {
					t.Errorf("Watch = %s", fault.Body)
					return
				}
				stop()
			})
		}
		settle(100 * time.Millisecond)
		leave() // another of them looks
		wg.Wait()
		if n := a.count("a"); n != 2 {
			t.Errorf("%d looks for 400 watchers and one who went, want 2", n)
		}
	})
}

// First looks keep to half of the pace, and what would wait too long is refused.
func TestFirstLooksArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		h, _ := run(t, feed.DefaultConfig(true), a.look)
		var wg sync.WaitGroup
		var in, busy atomic.Int64
		for i := range 1000 {
			wg.Go(func() {
				switch _, _, fault := h.Watch(t.Context(), fmt.Sprint("a", i), 0, &watcher{}); {
				case fault == nil:
					in.Add(1)
				case fault.Status == 429:
					busy.Add(1)
				default:
					t.Errorf("Watch = %s", fault.Body)
				}
			})
		}
		wg.Wait()
		if n := in.Load(); n < 150 || n > 210 || n+busy.Load() != 1000 {
			t.Errorf("%d first looks in 2 s and %d refused, want about 200 and the others", n, busy.Load())
		}
	})
}

// An address has its share of the first looks that wait, and of all places.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		cfg := told()
		cfg.Accounts, cfg.Watchers = 8, 100
		h, _ := run(t, cfg, a.look)
		one := rpc.WithCaller(t.Context(), stranger)
		refused := func(want string) {
			t.Helper()
			if _, _, fault := h.Watch(one, "x", 0, &watcher{}); fault == nil || !strings.Contains(string(fault.Body), want) {
				t.Errorf("Watch = %v, want %s", fault, want)
			}
		}
		var stops []func()
		for i := range 2 {
			_, stop, fault := h.Watch(one, fmt.Sprint("a", i), 0, &watcher{})
			if fault != nil {
				t.Fatalf("Watch = %s", fault.Body)
			}
			stops = append(stops, stop)
		}
		refused("this address")
		watch(t, h, "b", 0)
		stops[0]()
		stops[0]()
		a.fail(errDown)
		refused("cannot look")
		a.fail(nil)
		if _, _, fault := h.Watch(one, "c", 0, &watcher{}); fault != nil {
			t.Errorf("Watch after one was stopped = %s", fault.Body)
		}
		refused("this address")
	})
}
