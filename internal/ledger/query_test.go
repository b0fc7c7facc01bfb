package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// messages reads a chat; nil is none.
func messages(t *testing.T, l *ledger.Ledger, id string, since float64) []any {
	t.Helper()
	text, err := l.Messages(t.Context(), id, since)
	if err != nil {
		t.Fatalf("Messages = %v", err)
	}
	if text == nil {
		return nil
	}
	list, err := signing.ParseObject([]byte(`{"list":` + string(text) + `}`))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return list["list"].([]any)
}

func TestMessagesSince(t *testing.T) {
	at := now
	cfg := config()
	cfg.Now = func() time.Time { return at }
	l := open(t, cfg)
	keys := users(t, l, 2)
	id := ledger.ChatID(keys[0].Address(), keys[1].Address())
	if got := messages(t, l, id, 0); got != nil {
		t.Errorf("before the chat: %v, want nil", got)
	}
	if got := messages(t, l, keys[0].Address(), 0); got != nil {
		t.Errorf("of a user: %v, want nil", got)
	}
	start := float64(now.UnixMilli())
	for i := range 3 {
		at = now.Add(time.Duration(i) * time.Second)
		apply(t, l, keys[0], with(transferTx(keys[0], keys[1].Address(), big.NewInt(int64(i)+1)), signing.Object{
			"timestamp": start + float64(i)*1000, "TIMESTAMP": 1, "time\u017ftamp": "none",
		}))
	}
	for _, tt := range []struct {
		name  string
		since float64
		want  []int64 // amounts
	}{
		{"all", 0, []int64{1, 2, 3}},
		{"from the first", start, []int64{1, 2, 3}},
		{"after the first", start + 1, []int64{2, 3}},
		{"from the last", start + 2000, []int64{3}},
		{"after the last", start + 2001, []int64{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := messages(t, l, id, tt.since)
			if got == nil || len(got) != len(tt.want) {
				t.Fatalf("%d messages, want %d", len(got), len(tt.want))
			}
			for i, m := range got {
				if amount := m.(signing.Object)["amount"].(*big.Int).Int64(); amount != tt.want[i] {
					t.Errorf("message %d has amount %d, want %d", i, amount, tt.want[i])
				}
			}
		})
	}
}

// TestHead: the head of a chat is its account but for messages and hash; of all
// others it is the account.
func TestHead(t *testing.T) {
	l := open(t, config())
	keys := users(t, l, 2)
	apply(t, l, keys[0], transferTx(keys[0], keys[1].Address(), lib(1)))
	chat := ledger.ChatID(keys[0].Address(), keys[1].Address())
	for _, id := range []string{keys[0].Address(), signing.Hash([]byte("user0")), ledger.NetworkAccountID, chat, "nobody"} {
		head, err := l.Head(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want, err := l.Account(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if id == chat {
			want = signing.MustCanonical(with(parse(t, want), signing.Object{"messages": []any{}, "hash": ""}))
		}
		if string(head) != string(want) {
			t.Errorf("Head(%s) = %s, want %s", id, head, want)
		}
	}
}

func TestQueriesOfAClosedLedger(t *testing.T) {
	l := open(t, config())
	gone, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("gone")
	cancel(reason)
	calls := map[string]func(context.Context, string) (json.RawMessage, error){
		"Head": l.Head,
		"Messages": func(ctx context.Context, id string) (json.RawMessage, error) {
			return l.Messages(ctx, id, 0)
		},
	}
	for name, call := range calls {
		if _, err := call(gone, "x"); !errors.Is(err, reason) {
			t.Errorf("%s for a caller who is gone = %v, want %v", name, err, reason)
		}
		if got, err := call(t.Context(), strings.Repeat("a", 129)); got != nil || err != nil {
			t.Errorf("%s of a long id = %s, %v, want nil", name, got, err)
		}
	}
	l.Close()
	for name, call := range calls {
		if _, err := call(t.Context(), "x"); !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("%s = %v, want %v", name, err, ledger.ErrClosed)
		}
	}
}

// TestMessagePages: pages joined are the whole, whatever the size of messages and
// however many have one timestamp; none is larger than a reply may be.
func TestMessagePages(t *testing.T) {
	at := now
	cfg := config()
	cfg.Now = func() time.Time { return at }
	l := open(t, cfg)
	keys := users(t, l, 2)
	k, to := keys[0], keys[1].Address()
	apply(t, l, k, createTx(k, lib(10_000)))
	id := ledger.ChatID(k.Address(), to)
	var texts []string
	for i := range 24 {
		if i%7 == 0 { // three or four share a time
			at = at.Add(time.Second)
		}
		size := []int{1, 1000, 100 << 10, 200 << 10}[i%4]
		tx := sign(k, with(messageTx(k, to, toll), signing.Object{
			"timestamp": float64(at.UnixMilli()), "n": float64(i), "x": strings.Repeat("x", size),
			"xmessage": signing.Object{"timestamp": 1.0, "a": []any{"\\\"", "}", signing.Object{}}, "timestamp\"": nil},
		}))
		if r := put(t, l, tx); !r.Success {
			t.Fatal(r)
		}
		texts = append(texts, string(signing.MustCanonical(tx)))
	}
	for _, since := range []float64{0, float64(now.UnixMilli()), float64(at.UnixMilli()), float64(at.UnixMilli()) + 1, 1e300} {
		want, err := l.Messages(t.Context(), id, since)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		pages := 0
		for from := int64(0); ; pages++ {
			list, next, err := l.MessagePage(t.Context(), id, since, from)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) > 240<<10+2 {
				t.Errorf("a page has %d bytes", len(list))
			}
			if inner := strings.Trim(string(list), "[]"); len(list) > 2 {
				inner = string(list[1 : len(list)-1])
				all = append(all, inner)
			} else if inner != "" {
				t.Errorf("page %s", list)
			}
			if next == 0 {
				break
			}
			if next <= from {
				t.Fatalf("from %d on to %d", from, next)
			}
			from = next
		}
		if got := "[" + strings.Join(all, ",") + "]"; got != string(want) {
			t.Errorf("since %v: %d bytes in %d pages, want %d", since, len(got), pages, len(want))
		}
		if since == 0 && (string(want) != "["+strings.Join(texts, ",")+"]" || pages < 5) {
			t.Errorf("%d bytes in %d pages", len(want), pages)
		}
	}
	if list, next, err := l.MessagePage(t.Context(), to, 0, 0); list != nil || next != 0 || err != nil {
		t.Errorf("of a user: %s, %d, %v", list, next, err)
	}
}

// TestLargeChat: a chat that nobody could read at once is refused, and its head
// and its pages are there.
func TestLargeChat(t *testing.T) {
	l := open(t, config())
	keys := users(t, l, 2)
	k, to := keys[0], keys[1].Address()
	apply(t, l, k, createTx(k, lib(10_000)))
	id := ledger.ChatID(k.Address(), to)
	for i := range 19 {
		apply(t, l, k, with(messageTx(k, to, toll), signing.Object{"n": float64(i), "x": strings.Repeat("x", 230<<10)}))
	}
	if text, err := l.Account(t.Context(), id); !errors.Is(err, ledger.ErrTooLarge) {
		t.Errorf("Account = %d bytes, %v, want %v", len(text), err, ledger.ErrTooLarge)
	}
	if text, err := l.Messages(t.Context(), id, 0); !errors.Is(err, ledger.ErrTooLarge) {
		t.Errorf("Messages = %d bytes, %v, want %v", len(text), err, ledger.ErrTooLarge)
	}
	if text, err := l.Messages(t.Context(), id, float64(now.UnixMilli()+2)); string(text) != "[]" || err != nil {
		t.Errorf("Messages since later = %s, %v", text, err)
	}
	if text, err := l.Head(t.Context(), id); text == nil || err != nil {
		t.Errorf("Head = %s, %v", text, err)
	}
	if _, next, err := l.MessagePage(t.Context(), id, 0, 0); next != 1 || err != nil {
		t.Errorf("MessagePage goes on with %d, %v, want 1", next, err)
	}
}
