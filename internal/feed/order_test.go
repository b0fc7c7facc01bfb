package feed_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A slowWatcher takes its time over the first event, in which more happens.
type slowWatcher struct {
	watcher
	meanwhile func()
}

func (w *slowWatcher) Changed(e rpc.Event) {
	if do := w.meanwhile; do != nil {
		w.meanwhile = nil
		do()
	}
	w.watcher.Changed(e)
}

// Whoever begins to watch while the account changes is told of the change last.
func TestTheFirstStateIsToldFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccounts()
		a.set("a", 1000, 0, "")
		h, _ := run(t, told(), a.look)
		other, _, _ := watch(t, h, "a", 0)
		w := &slowWatcher{meanwhile: func() {
			a.set("a", 2000, 0, "")
			h.Changed(changed("a"))
			settle(time.Second)
			if e, _ := other.last(); e.Timestamp != 2000 {
				t.Errorf("the other was told %v, want 2000", other.events)
			}
		}}
		from, stop, fault := h.Watch(t.Context(), "a", 0, w)
		if fault != nil {
			t.Fatalf("Watch = %s", fault.Body)
		}
		a.set("a", 3000, 0, "")
		h.Changed(changed("a"))
		settle(time.Second)
		stop()
		var times, seqs []int64
		for _, e := range w.events {
			times, seqs = append(times, e.Timestamp), append(seqs, e.Seq)
		}
		if want := []int64{1000, 2000, 3000}; !slices.Equal(times, want) || seqs[1] != from {
			t.Errorf("told %v with %v, from %d; want %v, from the second", times, seqs, from, want)
		}
	})
}
