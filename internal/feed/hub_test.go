package feed_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/feed"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
)

// told is the configuration of a hub that is told of changes.
func told() feed.Config { return feed.DefaultConfig(false) }

// A watcher hears of each change at once, of many of them at a pace, and of
// nothing that does not concern it.
func TestTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		h, _ := run(t, told(), a.look)
		a.set("a", 1000, 5, "")
		w, from, stop := watch(t, h, "a", rpc.FromNow)
		if from>>10 != 1000 {
			t.Errorf("from = %d, want the time 1000 and 10 bits", from)
		}
		h.Changed(changed("a", "b")) // the same state: no news
		settle(time.Millisecond)
		a.set("a", 1001, 6, "")
		h.Changed(changed("a"))
		settle(time.Millisecond)
		e, n := w.last()
		if want := (rpc.Event{Account: "a", Timestamp: 1001, ChatTimestamp: 6, Seq: e.Seq}); n != 1 || e != want || e.Seq>>10 != 1001 {
			t.Fatalf("told of %v, %d in all; want %v", e, n, want)
		}
		for i := range int64(1000) {
			a.set("a", 2000+i, 7, "")
			h.Changed(changed("a"))
			settle(time.Millisecond)
		}
		settle(time.Second)
		if e, n := w.last(); e.Timestamp != 2999 || n < 10 || n > 13 {
			t.Errorf("told %d times in a second, the last of %d; want about 10, and 2999", n-1, e.Timestamp)
		}
		_, n = w.last()
		stop()
		stop()
		a.set("a", 4000, 7, "")
		h.Changed(changed("a"))
		settle(time.Second)
		if _, now := w.last(); now != n || feed.Topics(h) != 0 || feed.Watchers(h) != 0 {
			t.Errorf("after stop: told %d times, %d accounts and %d watchers left", now-n, feed.Topics(h), feed.Watchers(h))
		}
		if w, _, _ := watch(t, h, "nobody", 0); len(w.events) != 0 {
			t.Errorf("told %v of an account that is not there", w.events)
		}
	})
}

// Seq grows whatever the timestamps do, and another hub gives the same state the
// same Seq.
func TestSeq(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		h, _ := run(t, told(), a.look)
		w, _, _ := watch(t, h, "a", rpc.FromNow)
		for _, s := range []struct {
			timestamp int64
			note      string
		}{{5000, "created"}, {5000, "same time"}, {2000, "applied late"}, {2000, "again"}, {9000, "later"}} {
			a.set("a", s.timestamp, 0, s.note)
			h.Changed(changed("a"))
			settle(time.Second)
		}
		for i, e := range w.events {
			if i > 0 && e.Seq <= w.events[i-1].Seq {
				t.Errorf("event %d has seq %d after %d", i, e.Seq, w.events[i-1].Seq)
			}
		}
		if len(w.events) != 5 {
			t.Fatalf("told of %d states, want 5", len(w.events))
		}
		other, _ := run(t, told(), a.look)
		if _, from, _ := watch(t, other, "a", rpc.FromNow); from != w.events[4].Seq {
			t.Errorf("another hub begins with %d, want %d", from, w.events[4].Seq)
		}
	})
}

// Whoever comes back is told at once if anything may have happened, also by a
// hub that was not there.
func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		clock := time.Now().UnixMilli()
		at := clock - time.Hour.Milliseconds()
		a.set("a", at, 0, "")
		h, _ := run(t, told(), a.look)
		_, from, _ := watch(t, h, "a", rpc.FromNow)
		for _, tt := range []struct {
			name  string
			since int64
			want  bool
		}{
			{"from now", rpc.FromNow, false},
			{"from the beginning", 0, true},
			{"the present state", from, false},
			{"its time", at, false},
			{"a time before", at - 1, true},
			{"a time just after: an older transaction may have come later", at + 1, true},
			{"a time so long after that none can have", at + 10_001, false},
			{"a state before", from - 1, true},
			{"another state of that time", from + 1, true},
			{"a state of 10 s later", from + 10_000<<10, true},
			{"a state of long after", from + 10_001<<10, false},
			{"a time of just now", clock + 10_000, false},
			{"a state of just now", (clock + 10_000) << 10, false},
			{"a time to come, which a node made up", clock + 10_001, true},
			{"a state to come, which a node made up", clock<<10 + 10_001<<10, true},
			{"the end of numbers", 1 << 53, true},
		} {
			if w, got, stop := watch(t, h, "a", tt.since); (len(w.events) == 1) != tt.want || got != from {
				t.Errorf("since %s: told %v, from %d; want %v, from %d", tt.name, w.events, got, tt.want, from)
			} else {
				stop()
			}
		}
	})
}

// What changes between the first look and the watching is not missed, nor is
// an old look taken for news.
func TestChangeWhileJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		a.takes = time.Second
		a.set("a", 1000, 0, "")
		h, _ := run(t, told(), a.look)
		w, done := &watcher{}, make(chan int64, 1)
		go func() {
			from, _, fault := h.Watch(context.Background(), "a", rpc.FromNow, w)
			if fault != nil {
				t.Errorf("Watch = %s", fault.Body)
			}
			done <- from
		}()
		settle(500 * time.Millisecond)
		a.set("a", 2000, 0, "")
		h.Changed(changed("a"))
		from := <-done
		settle(time.Minute)
		if e, n := w.last(); n != 1 || e.Timestamp != 2000 || from>>10 != 1000 {
			t.Errorf("from %d told %v, want the change from 1000 to 2000", from>>10, w.events)
		}
	})
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := told()
		cfg.Accounts, cfg.Watchers = 2, 3
		a := newAccounts()
		h, end := run(t, cfg, a.look)
		_, _, stop := watch(t, h, "a", 0)
		watch(t, h, "b", 0)
		refused := func(account, want string, by rpc.Limit) {
			t.Helper()
			if _, _, fault := h.Watch(t.Context(), account, 0, &watcher{}); fault == nil || !strings.Contains(string(fault.Body), want) || fault.Limit != by {
				t.Errorf("Watch(%s) = %v, want %s by %q", account, fault, want, by)
			}
		}
		refused("c", `"busy"`, rpc.LimitAccounts)
		watch(t, h, "a", 0)
		refused("a", `"busy"`, rpc.LimitSubscriptions)
		stop()
		watch(t, h, "b", 0)
		a.fail(errDown)
		refused("../a", `"bad-request"`, "")
		end()
		refused("a", `"unavailable"`, "")
	})
}

// At the end every watcher is told, once; a look that fails first leaves nothing.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		h, end := run(t, told(), a.look)
		w, _, stop := watch(t, h, "a", 0)
		a.fail(errDown)
		if _, _, fault := h.Watch(t.Context(), "b", 0, &watcher{}); fault == nil || fault.Status != 503 {
			t.Errorf("Watch of what cannot be looked at = %v, want 503", fault)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, fault := h.Watch(gone, "b", 0, &watcher{}); fault == nil || fault.Status != 504 {
			t.Errorf("Watch of somebody who has gone = %v, want 504", fault)
		}
		if feed.Topics(h) != 1 || feed.Watchers(h) != 1 {
			t.Errorf("%d accounts and %d watchers, want one", feed.Topics(h), feed.Watchers(h))
		}
		end()
		stop()
		if len(w.ends) != 1 || w.ends[0] != rpc.EndShutdown || feed.Topics(h) != 0 || feed.Watchers(h) != 0 {
			t.Errorf("ended %q with %d accounts and %d watchers, want one shutdown and none", w.ends, feed.Topics(h), feed.Watchers(h))
		}
	})
}

// What is no text of an account, and what other kinds of accounts have.
func TestTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		h, _ := run(t, told(), a.look)
		for _, tt := range []struct {
			text            string
			timestamp, chat int64
			ok              bool
		}{
			{`{"timestamp":5}`, 5, 0, true},
			{`{"timestamp":5,"data":null}`, 5, 0, true},
			{`{"timestamp":5,"data":"text"}`, 5, 0, true},
			{`{"timestamp":"5","data":{"chatTimestamp":7}}`, 0, 7, true},
			{`{"timestamp":-5,"data":{"chatTimestamp":1e300}}`, 0, 1<<43 - 1, true},
			{`[]`, 0, 0, true},
			{`<html>`, 0, 0, false},
		} {
			a.texts["x"] = tt.text
			w := &watcher{}
			_, stop, fault := h.Watch(t.Context(), "x", 0, w)
			if (fault == nil) != tt.ok {
				t.Errorf("%s: %v, want ok %v", tt.text, fault, tt.ok)
			}
			if fault != nil {
				continue
			}
			if e, n := w.last(); n == 1 && (e.Timestamp != tt.timestamp || e.ChatTimestamp != tt.chat) {
				t.Errorf("%s: told of %v, want %d and %d", tt.text, e, tt.timestamp, tt.chat)
			}
			stop()
		}
	})
}

var _ func([]ledger.Change) = (*feed.Hub)(nil).Changed
