package ledger_test

import (
	"errors"
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

// What is stored of an account differs with every change of it, has its times,
// and of a chat does not have its messages.
func TestStored(t *testing.T) {
	cfg := config()
	clock := now
	cfg.Now = func() time.Time { return clock }
	l := open(t, cfg)
	keys := users(t, l, 2)
	a, b := keys[0].Address(), keys[1].Address()
	last := map[string]string{}
	for i := range 3 {
		clock = clock.Add(time.Second)
		apply(t, l, keys[0], with(transferTx(keys[0], b, one), signing.Object{"timestamp": float64(clock.UnixMilli())}))
		for _, id := range []string{a, b, ledger.ChatID(a, b)} {
			text, err := l.Stored(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			o := parse(t, text)
			if string(text) == last[id] || o["timestamp"] != float64(clock.UnixMilli()) {
				t.Errorf("after transfer %d, %s is stored as %s; want another text, of the time %d", i, id, text, clock.UnixMilli())
			}
			if list, chat := o["messages"].([]any); chat && len(list) > 0 {
				t.Errorf("%d messages are stored in the chat's one place", len(list))
			}
			last[id] = string(text)
		}
	}
	if text, err := l.Stored(t.Context(), a); err != nil || string(text) != string(accountText(t, l, a)) {
		t.Errorf("Stored = %s, %v; want the user's text", text, err)
	}
	for _, id := range []string{"", "nobody", string(make([]byte, 1<<20))} {
		if text, err := l.Stored(t.Context(), id); text != nil || err != nil {
			t.Errorf("Stored of no account = %s, %v; want nothing", text, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Stored(t.Context(), a); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Stored of a closed ledger = %v, want %v", err, ledger.ErrClosed)
	}
}

func accountText(t *testing.T, l *ledger.Ledger, id string) []byte {
	t.Helper()
	text, err := l.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
