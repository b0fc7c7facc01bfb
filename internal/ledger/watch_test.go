package ledger_test

import (
	"slices"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// TestWatch: watchers hear of each batch before the sender has its answer, when
// the accounts can be read already, and no more once they have stopped.
func TestWatch(t *testing.T) {
	cfg := config()
	clock := now
	cfg.Now = func() time.Time { return clock }
	l := open(t, cfg)
	keys := users(t, l, 2)
	a, b := keys[0].Address(), keys[1].Address()
	var first, second []ledger.Change
	stopFirst := l.Watch(func(changes []ledger.Change) {
		for _, c := range changes {
			if got := account(t, l, c.ID)["timestamp"]; got != float64(c.Timestamp) {
				t.Errorf("%s has timestamp %v when told of %d", c.ID, got, c.Timestamp)
			}
		}
		first = append(first, changes...)
	})
	stopSecond := l.Watch(func(changes []ledger.Change) { second = append(second, changes...) })

	clock = now.Add(time.Second)
	ms := clock.UnixMilli()
	at := signing.Object{"timestamp": float64(ms)}
	apply(t, l, keys[0], with(transferTx(keys[0], b, one), at))
	want := []ledger.Change{{a, ms, 0}, {b, ms, ms}, {ledger.ChatID(a, b), ms, 0}}
	slices.SortFunc(want, func(x, y ledger.Change) int {
		if x.ID < y.ID {
			return -1
		}
		return 1
	})
	if !slices.Equal(first, want) || !slices.Equal(second, want) {
		t.Errorf("told %v and %v, want %v", first, second, want)
	}

	stopFirst()
	put(t, l, sign(keys[0], with(transferTx(keys[0], b, lib(60)), at))) // refused: changes nothing
	apply(t, l, keys[1], with(createTx(keys[1], one), at))
	stopSecond()
	stopSecond()
	apply(t, l, keys[0], with(createTx(keys[0], one), at))
	if !slices.Equal(first, want) {
		t.Errorf("told %v after it had stopped", first[len(want):])
	}
	if got := second[len(want):]; !slices.Equal(got, []ledger.Change{{b, ms, ms}}) {
		t.Errorf("told %v, want one change of %s", got, b)
	}
}
