package feed_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/feed"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
)

// A reader is a client that comes and goes, now at one hub and now at another.
// What it knows of the account is the state in which that was when it was last
// told, or when it began.
type reader struct {
	w     *watcher
	stop  chan func() // gets how to leave, once it has come
	since int64
	knows int // the number of a state
	taken int // events of w that it has seen
}

// Transactions come in any order of their timestamps that nodes accept, from 5 s
// ago to 5 s ahead, to a ledger and to hubs that are told or ask. Whoever stays
// away for any time and comes back anywhere ends up knowing the latest state, and
// hears of them in the order of seq.
func TestNobodyMissesTheLatestState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			a := newAccounts()
			a.takes, a.varies = 50*time.Millisecond, true
			told, endTold := run(rt, feed.DefaultConfig(false), a.look)
			asks, endAsks := run(rt, feed.DefaultConfig(true), a.look)
			defer endAsks()
			defer endTold()
			hubs := []*feed.Hub{told, asks}

			states := map[int64]int{} // by timestamp: the newest state that had it
			state := 0
			change := func(rt *rapid.T) {
				at := time.Now().UnixMilli() + 1_000_000_000_000 + rapid.Int64Range(-5000, 5000).Draw(rt, "skew")
				for states[at] > 0 { // two of the same millisecond are told apart 1,023 times in 1,024
					at++
				}
				state++
				states[at] = state
				a.set("a", at, 0, "")
				told.Changed([]ledger.Change{{ID: "a"}})
			}
			learn := func(rt *rapid.T, r *reader) {
				r.w.mu.Lock()
				defer r.w.mu.Unlock()
				for _, e := range r.w.events[r.taken:] {
					if r.taken > 0 && e.Seq <= r.w.events[r.taken-1].Seq {
						rt.Fatalf("told of %d after %d", e.Seq, r.w.events[r.taken-1].Seq)
					}
					r.since, r.knows = e.Seq, states[e.Timestamp]
					r.taken++
				}
			}
			come := func(rt *rapid.T, r *reader) {
				if r.w != nil {
					return
				}
				r.w, r.taken = &watcher{}, 0
				w, hub := r.w, hubs[rapid.IntRange(0, 1).Draw(rt, "hub")] // a hub itself would be printed while it works
				come := func() {
					_, stop, fault := hub.Watch(context.Background(), "a", r.since, w)
					if fault != nil {
						t.Errorf("Watch = %s", fault.Body)
						stop = func() {}
					}
					r.stop <- stop
				}
				r.stop = make(chan func(), 1)
				go come() // which takes time, in which more happens
			}
			change(rt)
			readers := []*reader{{}, {}, {}}
			which := rapid.SampledFrom(readers)
			rt.Repeat(map[string]func(*rapid.T){
				"change": change,
				"come":   func(rt *rapid.T) { come(rt, which.Draw(rt, "reader")) },
				"leave": func(rt *rapid.T) {
					if r := which.Draw(rt, "reader"); r.w != nil {
						(<-r.stop)()
						learn(rt, r)
						r.w = nil
					}
				},
				"wait a moment": func(rt *rapid.T) {
					time.Sleep(time.Duration(rapid.IntRange(1, 60).Draw(rt, "ms")) * time.Millisecond)
				},
				"wait": func(rt *rapid.T) {
					time.Sleep(time.Duration(rapid.IntRange(1, 30_000).Draw(rt, "ms")) * time.Millisecond)
					synctest.Wait()
				},
			})
			for i, r := range readers {
				come(rt, r)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				learn(rt, r)
				if r.knows != state {
					rt.Fatalf("reader %d knows state %d, want %d", i, r.knows, state)
				}
				(<-r.stop)()
			}
		})
	})
}

var _ rpc.Watcher = (*watcher)(nil)
