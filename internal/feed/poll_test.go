package feed_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/feed"
	"github.com/liberdus/liberdus/internal/rpc"
)

// However many watch an account of a node behind, it is asked once at a time;
// less often while nothing changes, and not at all when nobody watches.
func TestPolledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		a.set("a", 1000, 0, "")
		h, _ := run(t, feed.DefaultConfig(true), a.look)
		var all []*watcher
		var stops []func()
		for range 1000 {
			w, _, stop := watch(t, h, "a", rpc.FromNow)
			all, stops = append(all, w), append(stops, stop)
		}
		if n := a.count("a"); n != 1 {
			t.Errorf("%d looks for 1000 watchers, want 1", n)
		}
		settle(time.Minute)
		// 1, 1.5, 2.25, 3.4 s, then 4 s, each a quarter more or less.
		if n := a.count("a"); n < 13 || n > 23 {
			t.Errorf("%d looks in a quiet minute, want about 16", n)
		}
		a.set("a", 2000, 0, "")
		settle(5 * time.Second)
		for i, w := range all {
			if e, n := w.last(); n != 1 || e.Timestamp != 2000 {
				t.Fatalf("watcher %d was told %v, want the change", i, w.events)
			}
		}
		for _, stop := range stops {
			stop()
		}
		before := a.count("a")
		settle(time.Minute)
		if n := a.count("a"); n != before {
			t.Errorf("%d looks when nobody watched", n-before)
		}
	})
}

// All looks together keep a pace, and so many are under way at once.
func TestPollsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		cfg := feed.DefaultConfig(true)
		cfg.LooksPerSecond = 100
		h, _ := run(t, cfg, a.look)
		for i := range 500 {
			watch(t, h, "a"+string(rune('A'+i%26))+string(rune('a'+i/26)), rpc.FromNow)
		}
		a.mu.Lock()
		a.takes = 70 * time.Millisecond
		a.looks, a.most = map[string]int{}, 0
		a.mu.Unlock()
		settle(time.Minute)
		total, least := 0, 1<<30
		for _, n := range a.looks {
			total, least = total+n, min(least, n)
		}
		if total < 5900 || total > 6100 || a.most > cfg.Looks || len(a.looks) != 500 || least < 8 {
			t.Errorf("%d looks in a minute, %d at once, at %d accounts, at one of them only %d times; want 6000, %d, and 12 at each of 500",
				total, a.most, len(a.looks), least, cfg.Looks)
		}
	})
}

// A node that does not answer is asked ever less often; if that lasts, watchers
// are told, so that they can go to another. One that comes back in time loses nobody.
func TestNodeDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		a.set("a", 1000, 0, "")
		h, _ := run(t, feed.DefaultConfig(true), a.look)
		w, _, _ := watch(t, h, "a", rpc.FromNow)
		a.fail(errDown)
		settle(10 * time.Second)
		a.set("a", 2000, 0, "")
		a.fail(nil)
		settle(12 * time.Second)
		if e, n := w.last(); n != 1 || e.Timestamp != 2000 || len(w.ends) != 0 {
			t.Fatalf("told %v, ended %q; want the change that came meanwhile", w.events, w.ends)
		}
		a.fail(errDown)
		settle(time.Minute)
		if len(w.ends) != 1 || w.ends[0] != rpc.EndUnavailable || feed.Topics(h) != 0 || feed.Watchers(h) != 0 {
			t.Errorf("ended %q, %d accounts and %d watchers left; want %s, once, and none", w.ends, feed.Topics(h), feed.Watchers(h), rpc.EndUnavailable)
		}
		if n := a.count("a"); n > 25 {
			t.Errorf("%d looks in all, of a node that was down for half of the time", n)
		}
		a.fail(nil)
		settle(time.Minute)
		if w, _, _ := watch(t, h, "a", 0); len(w.events) != 1 {
			t.Error("a node that is back is not looked at")
		}
	})
}
