package feed_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/feed"
	"github.com/liberdus/liberdus/internal/rpc"
)

// burst has an address watch so many accounts at once, and returns how many it
// may, when all have been answered.
func burst(t *testing.T, h *feed.Hub, name string, place netip.Addr, n int) (in int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range n {
		wg.Go(func() {
			_, _, fault := h.Watch(rpc.WithCaller(context.Background(), place), fmt.Sprint(name, i), 0, &watcher{})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case fault == nil:
				in++
			case fault.Status != 429:
				t.Errorf("Watch = %s", fault.Body)
			}
		})
	}
	wg.Wait()
	return in
}

// A node that has little to do takes all subscriptions that a session may have, at once.
func TestABurstOfOneAddressIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		a.takes = 5 * time.Millisecond
		h, _ := run(t, told(), a.look)
		if n := burst(t, h, "a", stranger, 1024); n != 1024 {
			t.Errorf("%d of 1024 subscriptions of one address are taken", n)
		}
		if a.most > 8 {
			t.Errorf("%d looks at once, want 8 at most", a.most)
		}
	})
}

// However many of one address wait, another's turn comes soon; and those who
// waited in vain leave nothing behind.
func TestAddressesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		a.takes = 50 * time.Millisecond
		h, _ := run(t, feed.DefaultConfig(true), a.look)
		var wg sync.WaitGroup
		wg.Go(func() {
			if n := burst(t, h, "much", stranger, 2000); n < 150 || n > 210 {
				t.Errorf("%d of 2000 first looks of one address in 2 s, want about 200", n)
			}
		})
		settle(200 * time.Millisecond)
		began := time.Now()
		for i := range 5 {
			place := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
			if n := burst(t, h, fmt.Sprint("little", i, "-"), place, 2); n != 2 {
				t.Errorf("address %d: %d of 2 first looks behind 2000 of another", i, n)
			}
		}
		if d := time.Since(began); d > 1500*time.Millisecond {
			t.Errorf("5 addresses waited %v, one after another, behind 2000 of another", d)
		}
		wg.Wait()
		if n := feed.Waiting(h); n != 0 {
			t.Errorf("%d lines are left", n)
		}
		if n := burst(t, h, "then", stranger, 20); n != 20 {
			t.Errorf("%d of 20 first looks when nobody waits", n)
		}
	})
}
